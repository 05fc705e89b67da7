/** A long text that is assembled before its response can begin, in pieces that are charged as they are added. */
import type { SharedBuffers } from '../../core/index.ts';
import { BLOCK_BYTES, contentOfParts, type SizedContent } from '../../fs/index.ts';

export class ChargedText {
  private readonly buffers: SharedBuffers;
  private readonly parts: Uint8Array[] = [];
  private rest = '';

  constructor(buffers: SharedBuffers) {
    this.buffers = buffers;
  }

  /** @throws MEMORY_LIMIT */
  add(text: string): void {
    this.rest += text;
    if (this.rest.length >= BLOCK_BYTES) this.flush();
  }

  private flush(): void {
    const part = new TextEncoder().encode(this.rest);
    this.rest = '';
    this.buffers.hold(part);
    this.parts.push(part);
  }

  /** Everything that was added. */
  content(): SizedContent {
    this.flush();
    return contentOfParts(this.parts);
  }

  /** Releases the memory. */
  release(): void {
    for (const part of this.parts.splice(0)) this.buffers.release(part);
  }
}
