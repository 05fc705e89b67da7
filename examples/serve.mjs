/** Serves the pages of this folder, and the client that they import: `node examples/serve.mjs [PORT]`. */
import { createReadStream, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
const DIST = join(import.meta.dirname, '..', 'dist');

/** All files served: the pages with their scripts, and the modules of the client. A request path is never turned into a file path. */
const files = new Map();
for (const name of readdirSync(import.meta.dirname)) {
  if (extname(name) in TYPES) files.set(`/${name}`, join(import.meta.dirname, name));
}
for (const name of readdirSync(DIST)) if (name.endsWith('.js')) files.set(`/streamfsd/${name}`, join(DIST, name));
files.set('/streamfsd/client/index.js', join(DIST, 'client', 'index.js'));

const server = createServer((request, response) => {
  const file = files.get(new URL(request.url ?? '/', 'http://localhost').pathname);
  if (file === undefined) {
    response.writeHead(404).end('no such page: there are tokens.html, log.html and video.html\n');
    return;
  }
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] });
  createReadStream(file).pipe(response);
});
server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  process.stdout.write(`http://localhost:${server.address().port}/\n`);
});
