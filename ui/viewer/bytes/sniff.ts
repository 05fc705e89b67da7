/**
 * Detects the type of bytes by how they begin, for streams without a declared type. It only decides which view opens
 * first, and which type a player gets.
 */
import { isUtf8 } from './utf8.ts';

/** Number of bytes examined. */
export const SNIFFED_BYTES = 4096;

export type Sniffed =
  | { kind: 'text' | 'json' | 'terminal' | 'binary' }
  | { kind: 'image' | 'audio' | 'video'; type: string };

export function sniff(bytes: Uint8Array): Sniffed {
  const head = bytes.subarray(0, SNIFFED_BYTES);
  return byMagicNumber(head) ?? asText(head) ?? { kind: 'binary' };
}

/** Part of a signature: these bytes at this position. */
type Signature = readonly [at: number, bytes: readonly number[] | string];

const SIGNATURES: readonly [kind: 'image' | 'audio' | 'video', type: string, ...Signature[]][] = [
  ['image', 'image/png', [0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]]],
  ['image', 'image/jpeg', [0, [0xff, 0xd8, 0xff]]],
  ['image', 'image/gif', [0, 'GIF8']],
  ['image', 'image/webp', [0, 'RIFF'], [8, 'WEBP']],
  ['image', 'image/avif', [4, 'ftypavif']],
  ['image', 'image/avif', [4, 'ftypavis']],
  ['image', 'image/heic', [4, 'ftypheic']],
  ['audio', 'audio/wav', [0, 'RIFF'], [8, 'WAVE']],
  ['audio', 'audio/flac', [0, 'fLaC']],
  ['audio', 'audio/mpeg', [0, 'ID3']],
  ['audio', 'audio/mp4', [4, 'ftypM4A']],
  ['video', 'video/quicktime', [4, 'ftypqt  ']],
  ['video', 'video/mp4', [4, 'ftyp']],
  ['video', 'video/mp4', [4, 'styp']],
  ['video', 'video/mp4', [4, 'moof']],
  ['video', 'video/x-msvideo', [0, 'RIFF'], [8, 'AVI ']],
];

function byMagicNumber(head: Uint8Array): Sniffed | undefined {
  for (const [kind, type, ...parts] of SIGNATURES) {
    if (parts.every(([at, bytes]) => has(head, at, bytes))) return { kind, type };
  }
  if (has(head, 0, [0x42, 0x4d]) && isBitmap(head)) return { kind: 'image', type: 'image/bmp' };
  if (has(head, 0, 'OggS')) return ogg(head);
  if (has(head, 0, [0x1a, 0x45, 0xdf, 0xa3])) {
    return { kind: 'video', type: find(head, 'webm') ? 'video/webm' : 'video/x-matroska' };
  }
  if (isMultipart(head)) return { kind: 'image', type: 'multipart/x-mixed-replace' };
  if (isTransportStream(head)) return { kind: 'video', type: 'video/mp2t' };
  return soundFrames(head);
}

function ogg(head: Uint8Array): Sniffed {
  const isVideo = find(head, '\x80theora') || find(head, 'BBCD\0');
  return isVideo ? { kind: 'video', type: 'video/ogg' } : { kind: 'audio', type: 'audio/ogg' };
}

function isBitmap(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return head.length >= 18 && view.getUint32(6, true) === 0 && [12, 40, 108, 124].includes(view.getUint32(14, true));
}

/** `--boundary`, then the header of an image: a stream of JPEG pictures. */
function isMultipart(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head.subarray(0, 300));
  return /^\s*--[^\r\n]{1,70}\r?\n(?:[^\r\n]+\r?\n)*?content-type:\s*image\//i.test(text);
}

/**
 * Packets of 188 bytes that begin with 0x47, even if the first one is incomplete: three in a row, or all that exist.
 */
function isTransportStream(head: Uint8Array): boolean {
  for (let first = 0; first < 188 && first + 188 < head.length; first++) {
    let found = 0;
    while (found < 5 && first + found * 188 < head.length && head[first + found * 188] === 0x47) found += 1;
    if (found >= 3 && (found === 5 || first + found * 188 >= head.length)) return true;
  }
  return false;
}

/** Frames of MPEG audio or ADTS, each with a length: two must follow each other. */
function soundFrames(head: Uint8Array): Sniffed | undefined {
  for (let at = 0; at + 7 < Math.min(head.length, 2048); at++) {
    if (head[at] !== 0xff) continue;
    const adts = adtsLength(head, at);
    if (adts !== undefined && adtsLength(head, at + adts) !== undefined) return { kind: 'audio', type: 'audio/aac' };
    const mpeg = mpegLength(head, at);
    if (mpeg !== undefined && mpegLength(head, at + mpeg) !== undefined) return { kind: 'audio', type: 'audio/mpeg' };
  }
  return undefined;
}

function adtsLength(head: Uint8Array, at: number): number | undefined {
  if (at + 6 >= head.length || head[at] !== 0xff || (head[at + 1]! & 0xf6) !== 0xf0) return undefined;
  const length = ((head[at + 3]! & 3) << 11) | (head[at + 4]! << 3) | (head[at + 5]! >> 5);
  return length > 7 && ((head[at + 2]! >> 2) & 15) < 13 ? length : undefined;
}

const LAYER_3_KBITS = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;
const MPEG_1_HERTZ = [44_100, 48_000, 32_000] as const;

function mpegLength(head: Uint8Array, at: number): number | undefined {
  if (at + 3 >= head.length || head[at] !== 0xff || (head[at + 1]! & 0xe6) !== 0xe2) return undefined;
  const version = (head[at + 1]! >> 3) & 3;
  const rate = MPEG_1_HERTZ[(head[at + 2]! >> 2) & 3];
  const kbits = LAYER_3_KBITS[version === 3 ? 0 : 1][head[at + 2]! >> 4];
  if (version === 1 || rate === undefined || kbits === undefined || kbits === 0) return undefined;
  const hertz = rate / (version === 3 ? 1 : version === 2 ? 2 : 4);
  return Math.floor(((version === 3 ? 144 : 72) * kbits * 1000) / hertz) + ((head[at + 2]! >> 1) & 1);
}

/** Control characters that occur in text: tab, line ends, form feed, escape, bell and backspace. */
const TEXT_CONTROLS = new Set([0x07, 0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

/** Sequences that move the cursor or clear the screen: output for a terminal, not a log. */
const SCREEN_SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with the escape character
  /\x1b(?:\[(?:\d*;\d*)?[Hf]|\[[23]?J|\[\d*[A-D]|\[\?(?:1049|47|25|2004)[hl]|[78M])/;

function asText(head: Uint8Array): Sniffed | undefined {
  // A reader that joined in mid-stream may begin within a character.
  let begin = 0;
  while (begin < 3 && begin < head.length && (head[begin]! & 0xc0) === 0x80) begin += 1;
  const body = head.subarray(begin);
  if (!isUtf8(body)) return undefined;
  let controls = 0;
  for (const byte of body) {
    if (byte === 0) return undefined;
    if (byte < 0x20 && !TEXT_CONTROLS.has(byte)) controls += 1;
  }
  if (controls * 50 > body.length) return undefined;
  const text = new TextDecoder().decode(body);
  if (SCREEN_SEQUENCE.test(text)) return { kind: 'terminal' };
  return { kind: isJsonDocument(text) ? 'json' : 'text' };
}

/** One value over several lines. One value per line is a log, whose lines can be unfolded. */
function isJsonDocument(text: string): boolean {
  return /^\s*(?:\{\s*\n\s*"(?:[^"\\]|\\.)*"\s*:|\[\s*\n\s*[{["\d\-tfn])/.test(text);
}

function has(head: Uint8Array, at: number, bytes: readonly number[] | string): boolean {
  if (at + bytes.length > head.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    const wanted = typeof bytes === 'string' ? bytes.charCodeAt(i) : bytes[i];
    if (head[at + i] !== wanted) return false;
  }
  return true;
}

function find(head: Uint8Array, text: string): boolean {
  for (let at = 0; at + text.length <= head.length; at++) if (has(head, at, text)) return true;
  return false;
}
