import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { settled } from '../harness/wait.ts';
import { start } from './harness/commands.ts';

const SOAK = join(resolve(import.meta.dirname, '../..'), 'scripts/soak.mjs');
const SIZE = ['--streams', '60', '--readers', '300', '--processes', '2'];

async function soaks(...more: string[]) {
  const soak = start(process.execPath, [SOAK, ...SIZE, ...more], { stdin: 'ignore' });
  const { code } = await settled('the soak to end', soak.exited, 110_000);
  expect({ code, output: code === 0 ? '' : soak.stdout.text + soak.stderr.text }).toEqual({ code: 0, output: '' });
  expect(soak.stdout.text).toContain('soak: passed');
}

it('contract 7 to 11, 17 to 20, 88, 89: writers and readers of all kinds, also over restarts, lose no byte that is not told, and leave nothing', () =>
  soaks('--minutes', '0.35'));

it('contract 107: with streams kept on disk readers read on from there, and restarts lose nothing', () =>
  soaks('--minutes', '0.2', '--persist'));
