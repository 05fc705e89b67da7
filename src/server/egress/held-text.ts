/** A long text that is assembled before its response can begin, in pieces that are charged as they are added. */
import type { SharedBuffers } from '../../core/index.ts';
import { BLOCK_BYTES, contentOfParts, type SizedContent } from '../../fs/index.ts';

export class HeldText {
  private readonly held: SharedBuffers;
  private readonly parts: Uint8Array[] = [];
  private rest = '';

  constructor(held: SharedBuffers) {
    this.held = held;
  }

  /** @throws MEMORY_LIMIT */
  add(text: string): void {
    this.rest += text;
    if (this.rest.length >= BLOCK_BYTES) this.flush();
  }

  private flush(): void {
    const part = new TextEncoder().encode(this.rest);
    this.rest = '';
    this.held.hold(part);
    this.parts.push(part);
  }

  /** Everything that was added. */
  content(): SizedContent {
    this.flush();
    return contentOfParts(this.parts);
  }

  /** Releases the memory. */
  release(): void {
    for (const part of this.parts.splice(0)) this.held.release(part);
  }
}
