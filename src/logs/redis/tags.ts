/**
 * The batches of a mirror, by the offsets where they end: each has a tag that no other batch ever had. Two histories that have
 * the same tag at an offset are the same up to there, since a batch is only appended behind the one it names.
 */

/** Batches that are remembered of a stream; loss further back is not healed. */
const MAX_BATCHES = 65_536;

export interface TaggedBatch {
  readonly start: number;
  readonly end: number;
  readonly tag: string;
  readonly before: string;
  /** What it says of producers; undefined: none took part. */
  readonly proof: Buffer | undefined;
}

/** Names of nodes as small numbers: the same few stand in all tags. */
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
  /** Behind `#head` all three have an element for each batch, in order. The first may be only where the others begin. */
  #ends: number[] = [];
  #nodes: number[] = [];
  #seqs: number[] = [];
  #head = 0;
  #proofs: Map<number, Buffer> | undefined;

  constructor(names: NodeNames) {
    this.#names = names;
  }

  /** The tag of the batch that ends at an offset; '' at 0; undefined where it is not known. */
  at(end: number): string | undefined {
    if (end === 0) return '';
    const index = this.#indexOf(end);
    return this.#ends[index] === end ? this.#tag(index) : undefined;
  }

  /** Whether each batch that ends at an offset, or behind it, is remembered. */
  reachTo(offset: number): boolean {
    return this.#head < this.#ends.length && offset >= this.#ends[this.#head]!;
  }

  /** A batch that ends behind all others. */
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

  /** Forgets what ends before an offset. */
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

  /** Offsets between batches, the lowest first, of which all that follows is known. */
  boundaries(): number[] {
    return this.#ends.slice(this.#head);
  }

  /** The batches behind an offset at which one ends, or 0. */
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

  /** The first batch that ends at an offset or behind it. */
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
    // Moved only once half is unused, so that each element is moved once in the mean.
    if (this.#head < 64 || this.#head * 2 < this.#ends.length) return;
    this.#ends = this.#ends.slice(this.#head);
    this.#nodes = this.#nodes.slice(this.#head);
    this.#seqs = this.#seqs.slice(this.#head);
    this.#head = 0;
  }
}
