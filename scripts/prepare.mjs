/**
 * npm runs this after an installation in a checkout, before `npm pack`, and for `npm install -g .`. In the last case
 * nothing has been installed yet, so it installs the build tools first.
 */
import { build } from './build.mjs';
import { install } from './install.mjs';

process.exitCode = (await install()) || (await build({ ifNeeded: true }));
