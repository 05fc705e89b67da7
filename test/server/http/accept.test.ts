import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptedRanges, preferredType } from '../../../src/server/http/accept.ts';

const standard = 'application/octet-stream';
const others = ['application/vnd.streamfs.frames', 'text/event-stream'];
const preferred = (accept: string) => preferredType(accept, standard, others);

describe('the Accept header', () => {
  it.each([
    ['text/event-stream', 'text/event-stream'],
    ['TEXT/Event-Stream', 'text/event-stream'],
    ['text/event-stream, */*', 'text/event-stream'],
    ['*/*, text/event-stream', 'text/event-stream'],
    ['text/event-stream;q=0.5, */*;q=0.1', 'text/event-stream'],
    ['text/event-stream;charset=utf-8;q=0.9', 'text/event-stream'],
    ['text/event-stream ; q=1.000', 'text/event-stream'],
    ['text/html;level="a,b", text/event-stream', 'text/event-stream'],
    ['application/octet-stream, text/event-stream', 'text/event-stream'],
    ['application/vnd.streamfs.frames;q=0.5, text/event-stream', 'text/event-stream'],
    ['text/event-stream, application/vnd.streamfs.frames', 'application/vnd.streamfs.frames'],
    ['application/vnd.streamfs.frames', 'application/vnd.streamfs.frames'],
    // Raw bytes, if they are preferred, or if none of our types is named.
    ['text/event-stream;q=0.5, */*', standard],
    ['text/event-stream;q=0.5, application/*;q=0.6', standard],
    ['text/event-stream;q=0.5, application/octet-stream', standard],
    ['text/event-stream;q=0', standard],
    ['text/event-stream;q=0.0, */*;q=0.1', standard],
    ['*/*', standard],
    ['text/*', standard],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', standard],
    ['', standard],
    [',,;', standard],
    ['text/event-stream;q=2', standard],
    ['text/event-stream;q=a', standard],
    ['text/event-streams', standard],
    ['"text/event-stream"', standard],
  ])('%s: %s', (accept, type) => {
    expect(preferred(accept)).toBe(type);
  });

  it('takes any text, at once', () => {
    const part = fc.constantFrom('text/event-stream', ';q=', '0.5', ',', '"', '\\', ' ', ';', '=', '*/*', 'a', '\t');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 200 }).map((parts) => parts.join('')),
        ),
        (accept) => {
          expect([standard, ...others]).toContain(preferred(accept));
          for (const quality of acceptedRanges(accept).values()) expect(quality >= 0 && quality <= 1).toBe(true);
        },
      ),
    );
  });
});
