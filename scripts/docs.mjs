/**
 * `npm run docs`: regenerates docs/reference.md and the tables of other pages from the code (test/docs/reference.ts),
 * and docs/api from the types.
 */
import { join } from 'node:path';
import { writeApi } from './api.mjs';
import { runTool } from './run.mjs';

process.exitCode = await runTool('vitest', ['run', '--project', 'unit', 'test/docs/generated.test.ts', '-u']);
await writeApi(join(import.meta.dirname, '../docs/api'));
