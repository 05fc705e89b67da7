/**
 * The batches of a mirror by end offset. Each batch has a globally unique tag. Two histories with the same tag at an
 * offset are identical up to that offset, because a batch is only appended after the predecessor that it names.
 */

/** Batches remembered per stream; losses further back are not healed. */
const MAX_BATCHES = 65_536;

export interface TaggedBatch {
  readonly start: number;
  readonly end: number;
  readonly tag: string;
  readonly before: string;
  /** The encoded producer state of the batch; undefined if no producers took part. */
  readonly proof: Buffer | undefined;
}

/** Interns node names as small numbers, because all tags contain the same few names. */
export class NodeNames {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.push(name) - 1;
    this.#numbers.set(name, number);
    return number;
  }

  nameOf(number: number): string {
    return this.#names[number]!;
  }
}

export class Tags {
  readonly #names: NodeNames;
  /**
   * From `#head` on, all three have one element per batch, in order. The first may only mark where the others begin.
   */
  #ends: number[] = [];
  #nodes: number[] = [];
  #seqs: number[] = [];
  #head = 0;
  #proofs: Map<number, Buffer> | undefined;

  constructor(names: NodeNames) {
    this.#names = names;
  }

  /** The tag of the batch that ends at an offset; '' at 0; undefined if unknown. */
  at(end: number): string | undefined {
    if (end === 0) return '';
    const index = this.#indexOf(end);
    return this.#ends[index] === end ? this.#tag(index) : undefined;
  }

  /** Whether all batches that end at or after an offset are remembered. */
  reachTo(offset: number): boolean {
    return this.#head < this.#ends.length && offset >= this.#ends[this.#head]!;
  }

  /** Adds a batch after all others. */
  add(end: number, tag: string, proof: Buffer | undefined): void {
    const dot = tag.lastIndexOf('.');
    this.#ends.push(end);
    this.#nodes.push(this.#names.numberOf(tag.slice(0, dot)));
    this.#seqs.push(Number(tag.slice(dot + 1)));
    if (proof !== undefined) {
      this.#proofs ??= new Map();
      this.#proofs.set(end, proof);
    }
    if (this.#ends.length - this.#head > MAX_BATCHES) this.#drop(this.#head + 1);
  }

  /** Forgets batches that end before an offset. */
  forgetBefore(offset: number): void {
    if (this.#ends[this.#head]! < offset) this.#drop(this.#indexOf(offset));
  }

  clear(): void {
    this.#ends = [];
    this.#nodes = [];
    this.#seqs = [];
    this.#head = 0;
    this.#proofs = undefined;
  }

  /** The known batch boundaries, ascending; all batches after the first boundary are known. */
  boundaries(): number[] {
    return this.#ends.slice(this.#head);
  }

  /** The batches after an offset, which must be a batch boundary or 0. */
  after(offset: number): TaggedBatch[] {
    const batches: TaggedBatch[] = [];
    let start = offset;
    let before = this.at(offset) ?? '';
    for (let index = this.#indexOf(offset + 1); index < this.#ends.length; index++) {
      const end = this.#ends[index]!;
      const tag = this.#tag(index);
      batches.push({ start, end, tag, before, proof: this.#proofs?.get(end) });
      [start, before] = [end, tag];
    }
    return batches;
  }

  #tag(index: number): string {
    return `${this.#names.nameOf(this.#nodes[index]!)}.${this.#seqs[index]}`;
  }

  /** The index of the first batch that ends at or after an offset. */
  #indexOf(offset: number): number {
    let low = this.#head;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drop(head: number): void {
    if (this.#proofs !== undefined) for (let n = this.#head; n < head; n++) this.#proofs.delete(this.#ends[n]!);
    this.#head = head;
    // Compacted only when half is unused, so that the amortized cost is one move per element.
    if (this.#head < 64 || this.#head * 2 < this.#ends.length) return;
    this.#ends = this.#ends.slice(this.#head);
    this.#nodes = this.#nodes.slice(this.#head);
    this.#seqs = this.#seqs.slice(this.#head);
    this.#head = 0;
  }
}
