/** `npm run docs`: writes docs/reference.md and the tables of README anew from the code (test/docs/reference.ts). */
import { runTool } from './run.mjs';

process.exitCode = await runTool('vitest', ['run', '--project', 'unit', 'test/docs/generated.test.ts', '-u']);
