/** Chooses the view in which a stream opens: by its type, else by its bytes. */
import { OCTET_STREAM } from '../../src/protocol/index.ts';
import type { Sniffed } from './bytes/sniff.ts';
import type { ViewName } from './view-state.ts';

export function viewFor(type: string | undefined, sniffed: Sniffed): ViewName {
  // Plain text is any output of a program, including output that moves the cursor.
  if (isPlainText(type) && sniffed.kind === 'terminal') return 'terminal';
  return viewOfType(type) ?? viewOfBytes(sniffed);
}

/** Whether the type alone decides, so that the bytes need not be examined. */
export function isSettledByType(type: string | undefined): boolean {
  return viewOfType(type) !== undefined && !isPlainText(type);
}

function essenceOf(type: string | undefined): string {
  return (type ?? '').split(';')[0]!.trim().toLowerCase();
}

function isPlainText(type: string | undefined): boolean {
  return essenceOf(type) === 'text/plain';
}

/** Undefined if the type does not decide. */
function viewOfType(type: string | undefined): ViewName | undefined {
  const essence = essenceOf(type);
  if (essence === '' || essence === OCTET_STREAM) return undefined;
  if (essence === 'application/json') return 'json';
  if (essence.startsWith('image/') || essence === 'multipart/x-mixed-replace') return 'image';
  if (essence.startsWith('audio/') || essence.startsWith('video/')) return 'media';
  return essence.startsWith('text/') || /json|ndjson/.test(essence) ? 'log' : undefined;
}

function viewOfBytes(sniffed: Sniffed): ViewName {
  switch (sniffed.kind) {
    case 'text':
      return 'log';
    case 'json':
    case 'terminal':
    case 'image':
      return sniffed.kind;
    case 'audio':
    case 'video':
      return 'media';
    case 'binary':
      return 'hex';
  }
}

/** The format for each value of the setting `container`; other values do not decide. */
const CONTAINERS = new Map<string, Sniffed>([
  ['webm', { kind: 'video', type: 'video/webm' }],
  ['mp4', { kind: 'video', type: 'video/mp4' }],
  ['mpeg-ts', { kind: 'video', type: 'video/mp2t' }],
  ['ogg', { kind: 'audio', type: 'audio/ogg' }],
  ['flac', { kind: 'audio', type: 'audio/flac' }],
  ['mp3', { kind: 'audio', type: 'audio/mpeg' }],
  ['adts', { kind: 'audio', type: 'audio/aac' }],
  ['mjpeg', { kind: 'image', type: 'multipart/x-mixed-replace' }],
  ['lines', { kind: 'text' }],
]);

/** The format known without examining the bytes, which a late joiner may receive from mid-picture. */
export function sniffedOfContainer(container: string | undefined): Sniffed | undefined {
  return CONTAINERS.get(container ?? '');
}

/** The `charset` of a type. */
export function charsetOf(type: string | undefined): string | undefined {
  return /;\s*charset="?([^";\s]+)/i.exec(type ?? '')?.[1];
}
