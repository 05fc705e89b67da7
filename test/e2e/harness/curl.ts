/** Runs curl as people use it, and parses its output. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { start } from './commands.ts';

export interface CurlResponse {
  status: number;
  version: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
  text: string;
  /** The body as JSON; throws if it is not JSON. */
  json: Record<string, unknown>;
  /** Statuses of earlier responses, such as 100. */
  before: number[];
}

/** Runs curl to its end. `input` is its standard input. */
export async function curl(args: readonly string[], input: string | Uint8Array = ''): Promise<CurlResponse> {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-curl-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const heads = join(folder, 'head');
  const child = start('curl', ['-sS', '-g', '--path-as-is', '--max-time', '60', '-D', heads, ...args]);
  child.stdin.end(input);
  const { code, stderr } = await child.result();
  if (code !== 0) throw new Error(`curl ${args.join(' ')} left with ${code}: ${stderr}`);
  const all = readFileSync(heads, 'latin1')
    .split('\r\n\r\n')
    .filter((head) => head.startsWith('HTTP/'));
  const [first = '', ...lines] = (all.at(-1) ?? '').split('\r\n');
  const body = child.stdout.bytes;
  return {
    status: Number(first.split(' ')[1]),
    version: first.split(' ')[0] ?? '',
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    ),
    body,
    text: body.toString(),
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
    before: all.slice(0, -1).map((head) => Number(head.split(' ')[1])),
  };
}
