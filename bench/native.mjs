/** Compiles the C programs if their sources changed, into bench/results, which is not committed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'native');
export const RESULTS = join(dirname(SOURCES), 'results');

const known = new Map();

/**
 * The path of a compiled program; undefined without gcc, or if the system is not Linux.
 * @param {'floor' | 'generator'} name
 */
export function buildNative(name) {
  if (!known.has(name)) known.set(name, build(name));
  return known.get(name);
}

function build(name) {
  // STREAMFS_BENCH_NATIVE=0 simulates a machine without gcc.
  if (process.platform !== 'linux' || process.env.STREAMFS_BENCH_NATIVE === '0') return undefined;
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const hash = createHash('sha256');
  for (const file of readdirSync(SOURCES).sort()) hash.update(readFileSync(join(SOURCES, file)));
  const program = join(RESULTS, 'native', `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(program)) return program;
  mkdirSync(dirname(program), { recursive: true });
  const aside = `${program}.${process.pid}`;
  execFileSync('gcc', ['-O2', '-o', aside, join(SOURCES, `${name}.c`)], { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(aside, program);
  return program;
}
