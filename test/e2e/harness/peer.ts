/** A client in a separate process that knows nothing of HTTP: it sends its input, and keeps what it receives. */
import { start } from './commands.ts';
import type { Process } from './process.ts';

const PROGRAM = `
  const [port, host] = process.argv.slice(1);
  const socket = require('node:net').connect({ port, host, allowHalfOpen: true });
  socket.on('error', () => process.exit(1));
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
`;

/**
 * Starts one that connects; it is ended with the test. Its standard input is what it sends.
 * @param under a program to run it under, with its arguments
 */
export function peer(port: number, host = '127.0.0.1', under: readonly string[] = []): Process {
  const [command = '', ...args] = [...under, process.execPath, '-e', PROGRAM, String(port), host];
  return start(command, args);
}
