/** Parses a framed body, independently of the client in src: docs/protocol.md, "Frames". */

export interface WireFrame {
  type: 'data' | 'gap' | 'caught-up' | 'end' | 'heartbeat' | 'open' | 'header';
  offset: number;
  payload: Buffer;
}

const TYPES = [undefined, 'data', 'gap', 'caught-up', 'end', 'heartbeat', 'open', 'header'] as const;
const HEADER = 16;

/** The complete frames in `bytes`. */
export function parseFrames(bytes: Buffer): WireFrame[] {
  const frames: WireFrame[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const type = TYPES[bytes.readUInt8(at)];
    if (type === undefined) throw new Error(`no frame has the type ${bytes.readUInt8(at)}`);
    const length = bytes.readUInt32BE(at + 4);
    const offset = Number(bytes.readBigUInt64BE(at + 8));
    if (at + HEADER + length > bytes.length) break;
    frames.push({ type, offset, payload: bytes.subarray(at + HEADER, at + HEADER + length) });
    at += HEADER + length;
  }
  return frames;
}
