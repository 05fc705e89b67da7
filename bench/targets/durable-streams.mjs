/**
 * The Durable Streams reference server: `node durable-streams.mjs PORT FOLDER [DIRECTORY]`. FOLDER is the package's
 * folder, DIRECTORY stores the streams; without it they are in memory. It is loaded by path, because its types are not
 * installed here.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [port, folder, dataDir] = process.argv.slice(2);
const { DurableStreamTestServer } = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
const server = new DurableStreamTestServer({ port: Number(port), host: '127.0.0.1', compression: false, dataDir });
await server.start();
