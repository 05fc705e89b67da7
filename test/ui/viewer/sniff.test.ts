import { describe, expect, it } from 'vitest';
import { sniff } from '../../../ui/viewer/bytes/sniff.ts';
import { charsetOf, isSettledByType, viewFor } from '../../../ui/viewer/choose-view.ts';

const text = (value: string) => new TextEncoder().encode(value);
const latin1 = (value: string) => Uint8Array.from(value, (character) => character.charCodeAt(0));

function transportStream(shift: number): Uint8Array {
  const bytes = new Uint8Array(188 * 6);
  for (let at = shift; at < bytes.length; at += 188) bytes[at] = 0x47;
  return bytes;
}

/** Frames of silence: 128 kbit/s at 44.1 kHz, 417 bytes each. */
function mp3(frames: number): Uint8Array {
  const bytes = new Uint8Array(417 * frames);
  for (let at = 0; at < bytes.length; at += 417) bytes.set([0xff, 0xfb, 0x90, 0x00], at);
  return bytes;
}

function adts(frames: number): Uint8Array {
  const bytes = new Uint8Array(200 * frames);
  for (let at = 0; at < bytes.length; at += 200) bytes.set([0xff, 0xf1, 0x50, 0x80, 200 >> 3, (200 & 7) << 5, 0], at);
  return bytes;
}

describe('the type of bytes, by their beginning', () => {
  it.each([
    ['PNG', latin1('\x89PNG\r\n\x1a\n\0\0'), { kind: 'image', type: 'image/png' }],
    ['JPEG', latin1('\xff\xd8\xff\xe0\0\x10JFIF'), { kind: 'image', type: 'image/jpeg' }],
    ['GIF', latin1('GIF89a\x01\0'), { kind: 'image', type: 'image/gif' }],
    ['WebP', latin1('RIFF\x10\0\0\0WEBPVP8 '), { kind: 'image', type: 'image/webp' }],
    ['WAV', latin1('RIFF\x10\0\0\0WAVEfmt '), { kind: 'audio', type: 'audio/wav' }],
    ['FLAC', latin1('fLaC\0\0\0\x22'), { kind: 'audio', type: 'audio/flac' }],
    ['Ogg Opus', latin1('OggS\0\x02OpusHead'), { kind: 'audio', type: 'audio/ogg' }],
    ['Ogg Theora', latin1('OggS\0\x02\x80theora'), { kind: 'video', type: 'video/ogg' }],
    ['WebM', latin1('\x1a\x45\xdf\xa3\x9fB\x82\x84webm'), { kind: 'video', type: 'video/webm' }],
    ['Matroska', latin1('\x1a\x45\xdf\xa3\x9fB\x82\x88matroska'), { kind: 'video', type: 'video/x-matroska' }],
    ['MP4', latin1('\0\0\0\x1cftypiso5\0\0'), { kind: 'video', type: 'video/mp4' }],
    ['MP3 with tags', latin1('ID3\x04\0\0'), { kind: 'audio', type: 'audio/mpeg' }],
    ['MP3 in mid-stream', mp3(6).subarray(100), { kind: 'audio', type: 'audio/mpeg' }],
    ['ADTS', adts(5), { kind: 'audio', type: 'audio/aac' }],
    ['MPEG-TS', transportStream(0), { kind: 'video', type: 'video/mp2t' }],
    ['MPEG-TS in mid-packet', transportStream(77), { kind: 'video', type: 'video/mp2t' }],
    [
      'MJPEG',
      latin1('--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 7\r\n\r\n\xff\xd8\xff'),
      { kind: 'image', type: 'multipart/x-mixed-replace' },
    ],
    ['a log', text('2026-11-26 INFO started\n'), { kind: 'text' }],
    ['a log in colours', text('\x1b[32mINFO\x1b[0m started\n'), { kind: 'text' }],
    ['any language', text('漢字とひらがな 😀\n'), { kind: 'text' }],
    ['a text cut within a character', text('漢字').subarray(1), { kind: 'text' }],
    ['a text that ends within a character', text('漢字').subarray(0, 5), { kind: 'text' }],
    ['JSON lines', text('{"a":1}\n{"a":2}\n'), { kind: 'text' }],
    ['a JSON document', text('{\n  "a": 1\n}\n'), { kind: 'json' }],
    ['a JSON array', text('[\n  {"a": 1},\n'), { kind: 'json' }],
    ['a program for terminals', text('\x1b[?1049h\x1b[H\x1b[2Jtop\n'), { kind: 'terminal' }],
    ['zeros', new Uint8Array(100), { kind: 'binary' }],
    ['noise', Uint8Array.from({ length: 500 }, (_, i) => (i * 167 + 13) % 256), { kind: 'binary' }],
    ['nothing', new Uint8Array(0), { kind: 'text' }],
    ['one byte', Uint8Array.of(0x47), { kind: 'text' }],
  ])('%s', (_, bytes, found) => {
    expect(sniff(bytes)).toEqual(found);
  });

  it('is looked at in the first 4 KiB alone', () => {
    const bytes = new Uint8Array(10_000).fill(0x61);
    bytes[5000] = 0xff;
    expect(sniff(bytes)).toEqual({ kind: 'text' });
  });
});

describe('the view a stream comes up in', () => {
  it.each([
    [undefined, 'hex'],
    ['application/octet-stream', 'hex'],
    ['text/plain; charset=utf-8', 'log'],
    ['application/x-ndjson', 'log'],
    ['application/jsonl', 'log'],
    ['application/json', 'json'],
    ['image/jpeg', 'image'],
    ['multipart/x-mixed-replace;boundary=x', 'image'],
    ['audio/mpeg', 'media'],
    ['Video/WebM; codecs=vp8', 'media'],
    ['application/pdf', 'hex'],
  ])('of type %s is %s', (type, view) => {
    expect(viewFor(type, { kind: 'binary' })).toBe(view);
  });

  it('is by the bytes where no type says it', () => {
    expect(viewFor(undefined, { kind: 'binary' })).toBe('hex');
    expect(viewFor(undefined, { kind: 'audio', type: 'audio/ogg' })).toBe('media');
    expect(viewFor(undefined, { kind: 'terminal' })).toBe('terminal');
    expect(charsetOf('text/plain; charset="ISO-8859-1"')).toBe('ISO-8859-1');
    expect(charsetOf('text/plain')).toBeUndefined();
  });

  it('is the terminal for plain text that moves about the screen, and for no other type', () => {
    expect(viewFor('text/plain; charset=utf-8', { kind: 'terminal' })).toBe('terminal');
    expect(viewFor('text/csv', { kind: 'terminal' })).toBe('log');
    expect([isSettledByType('text/plain'), isSettledByType('text/csv'), isSettledByType(undefined)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
