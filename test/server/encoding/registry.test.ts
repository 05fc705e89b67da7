import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENCODINGS } from '../../../src/server/encoding/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { start } from '../harness.ts';
import { base64Lines, decodeBase64Lines } from './base64-lines.ts';

/** A server with one more encoding than those built in: a file, and this line. */
const withBase64 = () =>
  start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' }, encodings: [...ENCODINGS, base64Lines] });

/** Splits bytes at the positions given. */
function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...new Set(at.map((n) => n % bytes.length))].filter((n) => n > 0).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, n) => bytes.subarray(n === 0 ? 0 : ends[n - 1]!, end));
}

describe('an encoding that is added to the table', () => {
  it('is asked for by its name or its media type, and is listed as the kind of its readers', async () => {
    const { call, post } = await withBase64();
    await call('PUT', '/files?path=/s/a&end=true', { body: 'hello' });
    const byName = await call('GET', '/files?path=/s/a&stream=true&format=base64-lines');
    expect(byName.headers['content-type']).toBe('text/x-base64-lines');
    expect(byName.text).toBe('0:5 aGVsbG8=\nend ended 5\n');
    const byAccept = await call('GET', '/files?path=/s/a&stream=true', { headers: { Accept: 'text/x-base64-lines' } });
    expect(byAccept.text).toBe(byName.text);
    const refused = await call('GET', '/files?path=/s/a&stream=true&format=base65');
    expect(refused.status).toBe(400);
    expect(refused.json().error).toContain('raw, frames, sse, base64-lines');
    expect((await post('/touch?path=/s/b', {})).status).toBe(200);
  });

  it('encodes ordinary files as well, with the bytes held back at the end', async () => {
    const { call } = await withBase64();
    const body = Buffer.alloc(200_000, 'abcdefg');
    await call('PUT', '/files?path=/mem/f', { body });
    const { text } = await call('GET', '/files?path=/mem/f&stream=true&format=base64-lines');
    const { data, records, lines } = decodeBase64Lines(text);
    expect(data.equals(body)).toBe(true);
    expect(lines).toBeGreaterThan(2);
    expect(records).toEqual(['caught-up 200000', 'end ended 200000']);
  });

  it('gives every reader the bytes of the stream, in order and once, however they are written', async () => {
    const { call } = await withBase64();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 900 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        async (seed, times, cuts, readers) => {
          const path = `/s/p${run++}`;
          const bytes = Buffer.concat(new Array(times).fill(Buffer.from(seed)));
          await call('POST', `/files?path=${path}`);
          const responses = Array.from({ length: readers }, () =>
            call('GET', `/files?path=${path}&stream=true&format=base64-lines`),
          );
          for (const piece of cut(bytes, cuts)) await call('PUT', `/files?path=${path}`, { body: piece });
          await call('PUT', `/files?path=${path}&end=true`);
          for (const { text } of await Promise.all(responses)) {
            const { offset, data, records } = decodeBase64Lines(text);
            expect(offset).toBe(0);
            expect(data.equals(bytes)).toBe(true);
            expect(records.at(-1)).toBe(`end ended ${bytes.length}`);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('holds bytes back until more has come, and sends heartbeats meanwhile', async () => {
    const { call, port } = await withBase64();
    await call('PUT', '/files?path=/s/held', { body: 'abcd' });
    const wire = await connectTo(port);
    wire.send('GET /api/v1/files?path=/s/held&stream=true&format=base64-lines&heartbeat=20ms HTTP/1.0\r\n\r\n');
    await wire.until('heartbeat 3');
    await call('PUT', '/files?path=/s/held&end=true', { body: 'ef' });
    const text = await wire.closed();
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    expect(body.startsWith('0:3 YWJj\ncaught-up 3\nheartbeat 3\n')).toBe(true);
    expect(body.endsWith('3:3 ZGVm\nend ended 6\n')).toBe(true);
  });

  it('contract 9: shows a gap, and continues after it', async () => {
    const { call } = await withBase64();
    await call('PUT', '/files?path=/s/gap', { body: Buffer.alloc(7 * 1024 * 1024, 'x') });
    await call('PUT', '/files?path=/s/gap&end=true', { body: 'yz' });
    const { text } = await call('GET', '/files?path=/s/gap&stream=true&format=base64-lines&offset=1&on_expired=skip');
    const { offset, data, records } = decodeBase64Lines(text);
    const end = 7 * 1024 * 1024 + 2;
    expect(offset).toBe(end - 6 * 1024 * 1024);
    expect(data.length).toBe(6 * 1024 * 1024);
    expect(data.subarray(-3).toString()).toBe('xyz');
    expect(records[0]).toMatch(new RegExp(`^gap 1 ${offset} [0-9A-Za-z]+$`));
    expect(records.at(-1)).toBe(`end ended ${end}`);
  });
});
