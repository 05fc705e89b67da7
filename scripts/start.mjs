/**
 * `npm start`: installs and builds if needed, then runs the server. All arguments are passed to `streamfs serve`:
 *
 *   npm start -- --addr 127.0.0.1:9000 -c my.yaml
 *
 * The server runs in this process, so signals and the exit code need no forwarding.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { endWithNpm } from './end-with-npm.mjs';
import { install } from './install.mjs';
import { ROOT } from './run.mjs';

endWithNpm();
const failed = (await install()) || (await build({ ifNeeded: true }));
if (failed) {
  process.exitCode = failed;
} else {
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  process.argv = [process.execPath, main, 'serve', ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
}
