/** Fragmented MP4 (ISO 14496-12): `ftyp` and `moov`, then fragments that each begin with a `moof`. */
import { RecordingWalker, uint32 } from './recording-walker.ts';

/** What may stand before the `moof` of a fragment, and belongs to it. */
const BEFORE_FRAGMENT = new Set(['styp', 'sidx', 'prft', 'emsg']);

export class Mp4Walker extends RecordingWalker {
  protected override readonly maxHead = 16;
  /** Where the fragment begins of which the `moof` is still to come; -1: none has. */
  private fragment = -1;
  private hasHeader = false;

  protected override parse(bytes: Uint8Array, at: number, offset: number): number {
    if (bytes.length - at < 8) return 0;
    const size = uint32(bytes, at);
    const type = String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!);
    if (size === 1 && bytes.length - at < 16) return 0;
    if (type === 'ftyp' && size >= 8) {
      this.hasHeader = true;
      this.fragment = -1;
      this.beginHeader(offset);
    } else if (BEFORE_FRAGMENT.has(type) && this.fragment < 0) {
      this.endHeader();
      this.fragment = offset;
    } else if (type === 'moof') {
      this.endHeader();
      if (this.hasHeader) this.points.boundary(this.fragment < 0 ? offset : this.fragment);
      this.fragment = -1;
    } else if (type === 'mdat') this.endHeader();
    const length = size === 1 ? uint32(bytes, at + 8) * 2 ** 32 + uint32(bytes, at + 12) : size;
    // No box: what follows cannot be found by sizes any more.
    return length >= 8 && /^[ -~\xa9]{4}$/.test(type) ? length : 1;
  }
}
