/** The checks of the soak: they must not report bytes that are right. */
import { expect, it } from 'vitest';
import { content } from '../../bench/soak/content.ts';
import { RawCursor, WrongBytes } from '../../bench/soak/verify.ts';

const STREAM = 1;
const LENGTH = 1000;

/** An offset after `from` at which the first byte is the same as at the beginning of the stream. */
function offsetThatLooksLikeTheStart(from: number): number {
  const first = content(STREAM, 0, 1)[0];
  let offset = from;
  while (content(STREAM, offset, 1)[0] !== first) offset++;
  return offset;
}

it('a raw reader that joins at an unknown offset may begin with the first byte of the stream', () => {
  const start = offsetThatLooksLikeTheStart(5000);
  const cursor = new RawCursor(STREAM, undefined);
  cursor.data(content(STREAM, start, LENGTH));
  cursor.data(content(STREAM, start + LENGTH + 70, LENGTH));
  cursor.end(start + 2 * LENGTH + 70, 70);
});

it('a raw reader notices a loss that is not reported, and bytes of another stream', () => {
  const cursor = new RawCursor(STREAM, undefined);
  cursor.data(content(STREAM, 5000, LENGTH));
  cursor.data(content(STREAM, 5000 + LENGTH + 70, LENGTH));
  expect(() => cursor.end(5000 + 2 * LENGTH + 70, 0)).toThrow(WrongBytes);
  expect(() => cursor.data(Buffer.alloc(LENGTH))).toThrow(WrongBytes);
});

it('a raw reader may receive fewer bytes after its last loss than identify a position', () => {
  const cursor = new RawCursor(STREAM, 0);
  cursor.data(content(STREAM, 0, LENGTH));
  cursor.data(content(STREAM, LENGTH + 70, 3));
  cursor.end(LENGTH + 73, 70);
  expect(() => cursor.end(LENGTH + 74, 70)).toThrow(WrongBytes);
});

it('a raw reader may receive fewer bytes in all than identify a position', () => {
  const cursor = new RawCursor(STREAM, undefined);
  cursor.data(content(STREAM, 5000, 3));
  cursor.end(5003, 0);
});

it('a raw reader that joins at an unknown offset may lose bytes before its first one', () => {
  const cursor = new RawCursor(STREAM, undefined);
  cursor.data(content(STREAM, 5070, LENGTH));
  cursor.data(content(STREAM, 5070 + LENGTH + 30, LENGTH));
  cursor.end(5100 + 2 * LENGTH, 100, 70);
  expect(() => cursor.end(5100 + 2 * LENGTH, 100)).toThrow(WrongBytes);
});
