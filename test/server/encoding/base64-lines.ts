/**
 * An encoding for tests only, with everything that an encoding may need: `OFFSET:LENGTH BASE64\n` for each run. Bytes are
 * transformed, heads vary in length, there is a tail, and bytes that do not fill a group of three are held back, so that only
 * the last line of a contiguous part has padding.
 */
import type { Encoding } from '../../../src/server/encoding/index.ts';

export const base64Lines: Encoding = {
  name: 'base64-lines',
  mediaType: 'text/x-base64-lines',
  maxRunBytes: 96 * 1024,
  maxHeadBytes: 40,
  writeHead: (target, at, offset, length) => target.write(`${offset}:${length} `, at, 'latin1'),
  tail: Buffer.from('\n'),
  body: {
    maxLength: (_run, length) => Math.ceil(length / 3) * 4,
    encode: (target, at, { parts }, length) =>
      target.write(Buffer.concat(parts).subarray(0, length).toString('base64'), at, 'latin1'),
    usable: (run) => run.length - (run.length % 3),
  },
  control: {
    gap: ({ from, to }, { generation }) => Buffer.from(`gap ${from} ${to} ${generation}\n`),
    caughtUp: (offset) => Buffer.from(`caught-up ${offset}\n`),
    heartbeat: (offset) => Buffer.from(`heartbeat ${offset}\n`),
    end: ({ offset, reason }) => Buffer.from(`end ${reason} ${offset}\n`),
  },
  payload: { data: 'text', control: 'text' },
};

/** The data of a response with its start offset; throws if lines are not contiguous. */
export function decodeBase64Lines(text: string): { offset: number; data: Buffer; records: string[]; lines: number } {
  const parts: Buffer[] = [];
  const records: string[] = [];
  let begin: number | undefined;
  let next: number | undefined;
  for (const line of text.split('\n').filter(Boolean)) {
    const data = /^(\d+):(\d+) (\S+)$/.exec(line);
    if (data === null) {
      records.push(line);
      continue;
    }
    const [offset, length] = [Number(data[1]), Number(data[2])];
    const bytes = Buffer.from(data[3]!, 'base64');
    if (bytes.length !== length) throw new Error(`a line of ${bytes.length} bytes says ${length}`);
    if (next !== undefined && offset !== next) throw new Error(`offset ${offset} comes after ${next}`);
    begin ??= offset;
    next = offset + length;
    parts.push(bytes);
  }
  return { offset: begin ?? 0, data: Buffer.concat(parts), records, lines: parts.length };
}
