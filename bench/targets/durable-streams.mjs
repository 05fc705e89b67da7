/**
 * The Durable Streams reference server: `node durable-streams.mjs PORT FOLDER [DIRECTORY]`, where FOLDER is the package's,
 * and DIRECTORY where it keeps streams; without one they are in memory. Its types are not ours to know, so it is loaded by
 * path.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [port, folder, dataDir] = process.argv.slice(2);
const { DurableStreamTestServer } = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
const server = new DurableStreamTestServer({ port: Number(port), host: '127.0.0.1', compression: false, dataDir });
await server.start();
