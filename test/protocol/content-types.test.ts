import { describe, expect, it } from 'vitest';
import {
  isMediaContentType,
  LISTED_CONTENT_TYPES,
  listedContentType,
  MAX_CONTENT_TYPE_LENGTH,
  normalContentType,
} from '../../src/protocol/index.ts';

describe('contract 99: content types that a stream may be sent with', () => {
  it.each([
    ['audio/ogg', 'audio/ogg'],
    [' Audio/OGG ;  Codecs="opus" ', 'audio/ogg; codecs=opus'],
    ['video/mp4; codecs="avc1.42E01E, mp4a.40.2"', 'video/mp4; codecs="avc1.42E01E, mp4a.40.2"'],
    ['video/webm;codecs=vp8', 'video/webm; codecs=vp8'],
    ['audio/L16; rate=44100;channels=2', 'audio/l16; rate=44100; channels=2'],
    ['text/plain; charset=UTF-8', 'text/plain; charset=utf-8'],
    ['text/csv; header=present', 'text/csv; header=present'],
    ['application/json', 'application/json'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/octet-stream', 'application/octet-stream'],
    ['image/png', 'image/png'],
  ])('%s is listed, and read as %s', (given, normal) => {
    expect(listedContentType(given)).toBe(normal);
    expect(normalContentType(given)).toBe(normal);
    expect(listedContentType(normal)).toBe(normal);
  });

  it.each([
    ...[
      'text/html',
      'TEXT/HTML',
      'application/xhtml+xml',
      'image/svg+xml',
      'text/xml',
      'application/xml',
      'text/javascript',
    ],
    ...['application/javascript', 'application/pdf', 'text/css', 'multipart/x-mixed-replace', 'application/wasm'],
    ...['audio/mpegurl', 'text/event-stream', 'application/x-protobuf', 'constructor/name', '__proto__'],
    ...['text/plain; charset=utf-7', 'text/plain; charset=x-user-defined', 'text/plain; codecs=opus'],
    ...['image/png; charset=utf-8', 'audio/ogg; profile=x', 'video/mp4; codecs="<script>"', 'text/csv; header=maybe'],
  ])('%s is not', (given) => {
    expect(listedContentType(given)).toBeUndefined();
  });

  it.each([
    ...['', 'text', 'text/', '/plain', 'text/plain;', 'text/plain; charset', 'text/plain; charset=', 'text /plain'],
    ...[
      'text/plain\r\nX: 1',
      'text/plain; a="\r\n"',
      'text/plain; a="\\""',
      'text/plain; a=1; A=2',
      'text/plain, text/html',
    ],
    ...['text/plain; a="é"', 'téxt/plain', `text/${'x'.repeat(MAX_CONTENT_TYPE_LENGTH)}`],
  ])('%j is no media type at all', (given) => {
    expect(normalContentType(given)).toBeUndefined();
    expect(listedContentType(given)).toBeUndefined();
  });

  it('are all in their normal form, and none is one in which scripts run', () => {
    for (const type of LISTED_CONTENT_TYPES) {
      expect(listedContentType(type)).toBe(type);
      expect(type).not.toMatch(/html|xml|svg|script|pdf|css|multipart/);
    }
    expect(LISTED_CONTENT_TYPES.filter((type) => !isMediaContentType(type))).toEqual([
      ...[
        'application/octet-stream',
        'application/json',
        'application/jsonl',
        'application/ndjson',
        'application/x-ndjson',
      ],
      ...['text/csv', 'text/plain'],
    ]);
  });
});
