/**
 * MPEG transport streams (ISO 13818-1): packets of 188 bytes. A reader may begin at a packet that is marked as a random
 * access point of the video, or, without video, at any packet in which an audio frame begins. It first gets the newest
 * tables.
 */
import type { JoinPoints } from './join-points.ts';
import { Scanner } from './scanner.ts';

const PACKET = 188;
const SYNC = 0x47;
const NO_PID = -1;
/** In the second byte of a packet: a payload unit, such as a frame or a table, begins in it. */
const PAYLOAD_STARTS = 0x40;
/** In the fourth byte: the continuity counter, modulo 16. */
const COUNTER = 0x0f;
/** MPEG 1 and 2, MPEG 4, H.264, H.265, H.266, AVS, VC-1. */
const VIDEO = new Set([0x01, 0x02, 0x10, 0x1b, 0x24, 0x33, 0x42, 0xea]);

export class MpegTsScanner extends Scanner {
  protected override readonly maxHead = PACKET + 1;
  private readonly points: JoinPoints;
  private pmtPid = NO_PID;
  private mainPid = NO_PID;
  private isVideo = false;
  private pat: Buffer | undefined;
  private pmt: Buffer | undefined;
  /**
   * Whether a packet boundary is expected at the current position. The sync byte is checked again where a payload unit
   * begins.
   */
  private isInSync = false;

  constructor(points: JoinPoints) {
    super();
    this.points = points;
  }

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (this.isInSync) {
      const rest = lengthOfRest(bytes, at);
      if (rest > 0 || bytes.length - at < 2) return rest;
    }
    if (bytes[at] !== SYNC) {
      this.isInSync = false;
      const next = bytes.indexOf(SYNC, at);
      return (next < 0 ? bytes.length : next) - at;
    }
    if (bytes.length - at <= PACKET) return 0;
    this.isInSync = bytes[at + PACKET] === SYNC;
    if (!this.isInSync) return 1;
    if ((bytes[at + 1]! & PAYLOAD_STARTS) === 0) return PACKET;
    const pid = ((bytes[at + 1]! & 0x1f) << 8) | bytes[at + 2]!;
    if (pid === 0) {
      if (!isSame(this.pat, bytes, at)) this.takePat(bytes.subarray(at, at + PACKET));
    } else if (pid === this.pmtPid) {
      if (!isSame(this.pmt, bytes, at)) this.takePmt(bytes.subarray(at, at + PACKET));
    } else if (pid === this.mainPid && (!this.isVideo || isRandomAccess(bytes, at))) this.points.boundary(offset);
    return PACKET;
  }

  protected override onGap(): void {
    this.isInSync = false;
  }

  private takePat(packet: Uint8Array): void {
    const at = tableAt(packet, 0x00);
    if (at < 0) return;
    const end = tableEnd(packet, at);
    for (let n = at + 8; n + 4 <= end; n += 4) {
      const program = (packet[n]! << 8) | packet[n + 1]!;
      if (program === 0) continue;
      this.pmtPid = ((packet[n + 2]! & 0x1f) << 8) | packet[n + 3]!;
      this.pat = Buffer.from(packet);
      this.tablesSeen();
      return;
    }
  }

  private takePmt(packet: Uint8Array): void {
    const at = tableAt(packet, 0x02);
    if (at < 0) return;
    const end = tableEnd(packet, at);
    let video = NO_PID;
    let other = NO_PID;
    const information = ((packet[at + 10]! & 0x0f) << 8) | packet[at + 11]!;
    for (let n = at + 12 + information; n + 5 <= end; ) {
      const pid = ((packet[n + 1]! & 0x1f) << 8) | packet[n + 2]!;
      if (VIDEO.has(packet[n]!)) video = video === NO_PID ? pid : video;
      else if (other === NO_PID) other = pid;
      n += 5 + (((packet[n + 3]! & 0x0f) << 8) | packet[n + 4]!);
    }
    this.isVideo = video !== NO_PID;
    this.mainPid = this.isVideo ? video : other;
    this.pmt = Buffer.from(packet);
    this.tablesSeen();
  }

  /**
   * Sets both newest tables, one packet each, as the header. They repeat often and usually change only in their
   * counters.
   */
  private tablesSeen(): void {
    const { pat, pmt } = this;
    if (pat === undefined || pmt === undefined) return;
    const header = new Uint8Array(2 * PACKET);
    header.set(pat);
    header.set(pmt, PACKET);
    this.points.setHeader(header);
  }

  protected override recorded(): void {}
}

/** The total length of the consecutive packets in which no payload unit begins. Reads one byte per packet. */
function lengthOfRest(bytes: Uint8Array, at: number): number {
  const end = bytes.length;
  let next = at + 1;
  while (next < end && (bytes[next]! & PAYLOAD_STARTS) === 0) next += PACKET;
  return next - 1 - at;
}

/** Whether a packet equals the known one except for its counter. Tables arrive ten times a second and rarely change. */
function isSame(known: Buffer | undefined, bytes: Uint8Array, at: number): boolean {
  if (known === undefined || known[1] !== bytes[at + 1] || known[2] !== bytes[at + 2]) return false;
  if ((known[3]! ^ bytes[at + 3]!) & ~COUNTER) return false;
  return known.compare(bytes, at + 4, at + PACKET, 4) === 0;
}

/** Whether the adaptation field of a packet marks a random access point. */
function isRandomAccess(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 3]! & 0x20) !== 0 && bytes[at + 4]! > 0 && (bytes[at + 5]! & 0x40) !== 0;
}

/** The position of the table that begins in a packet; -1 if there is no table with this id. */
function tableAt(packet: Uint8Array, id: number): number {
  const adaptation = (packet[3]! & 0x20) === 0 ? 0 : 1 + packet[4]!;
  if ((packet[3]! & 0x10) === 0 || 4 + adaptation >= PACKET) return -1;
  const at = 5 + adaptation + packet[4 + adaptation]!;
  return at + 12 <= PACKET && packet[at] === id ? at : -1;
}

/** The end of the entries of a table within one packet, before its checksum. */
function tableEnd(packet: Uint8Array, at: number): number {
  const length = ((packet[at + 1]! & 0x0f) << 8) | packet[at + 2]!;
  return Math.min(PACKET, at + 3 + length - 4);
}
