/** Rates from counters that only grow: the difference to what was seen before, by the time between. */

interface Seen {
  time: number;
  value: number;
  /** A counter of another life of the thing begins anew. */
  life: string;
}

export class Rates {
  #seen = new Map<string, Seen>();
  #next = new Map<string, Seen>();

  /** Per second; undefined where nothing was seen before to compare with. */
  rate(name: string, life: string, value: number, time: number): number | undefined {
    const before = this.#seen.get(name);
    this.#next.set(name, { time, value, life });
    if (before === undefined || before.life !== life || time <= before.time || value < before.value) return undefined;
    return ((value - before.value) * 1000) / (time - before.time);
  }

  /** All has been seen once more: what was not is forgotten. */
  turn(): void {
    this.#seen = this.#next;
    this.#next = new Map();
  }
}
