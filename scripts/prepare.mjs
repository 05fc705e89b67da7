/**
 * npm runs this behind an installation in a checkout, before `npm pack`, and for `npm install -g .`, where nothing has
 * been installed yet: then it brings the tools of the build first.
 */
import { build } from './build.mjs';
import { install } from './install.mjs';

process.exitCode = (await install()) || (await build({ ifNeeded: true }));
