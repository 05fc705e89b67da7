/**
 * The connection between a log and the engine in memory, and what can happen to it on command. What is asked and what is
 * pushed takes a turn of the event loop, as it would over a socket.
 */

/** A call that did not come back: it may have been done or not. */
export class CutError extends Error {}

type Fault = 'lostCall' | 'lostAnswer' | 'lostPush' | 'doubledPush';

export class Wire {
  #isUp = true;
  /** How often each is still to happen. */
  readonly #due: Record<Fault, number> = { lostCall: 0, lostAnswer: 0, lostPush: 0, doubledPush: 0 };
  /** Pushes that are held back; undefined: none are. */
  #held: (() => void)[] | undefined;
  readonly #waiting = new Set<() => void>();
  /** Called when it is up or down. */
  onChange: ((isUp: boolean) => void) | undefined;

  get isConnected(): boolean {
    return this.#isUp;
  }

  async call<T>(does: () => T): Promise<T> {
    await turn();
    if (!this.#isUp || this.#takes('lostCall')) throw new CutError('the call was lost');
    const answer = does();
    await turn();
    if (!this.#isUp || this.#takes('lostAnswer')) throw new CutError('the answer was lost');
    return answer;
  }

  push(deliver: () => void): void {
    if (!this.#isUp || this.#takes('lostPush')) return;
    const times = this.#takes('doubledPush') ? 2 : 1;
    for (let time = 0; time < times; time++) {
      if (this.#held === undefined) setImmediate(() => this.#isUp && deliver());
      else this.#held.push(deliver);
    }
  }

  #takes(fault: Fault): boolean {
    const left = this.#due[fault];
    this.#due[fault] = Math.max(0, left - 1);
    return left > 0;
  }

  /** Settles when it is up. */
  whenUp(): Promise<void> {
    if (this.#isUp) return turn();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Cuts it: what is under way is lost, and nothing comes until {@link restore}. */
  cut(): void {
    this.#isUp = false;
    this.#held = undefined;
    this.onChange?.(false);
  }

  restore(): void {
    this.#isUp = true;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
    this.onChange?.(true);
  }

  /** Loses this many of the next calls, before they are executed. */
  loseCalls(count: number): void {
    this.#due.lostCall += count;
  }

  /** Executes this many of the next calls and loses their answers. */
  loseAnswers(count: number): void {
    this.#due.lostAnswer += count;
  }

  losePushes(count: number): void {
    this.#due.lostPush += count;
  }

  doublePushes(count: number): void {
    this.#due.doubledPush += count;
  }

  /** Holds back what is pushed, until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Delivers what is held back, in the order that `order` makes of it. */
  release(order: (deliveries: (() => void)[]) => (() => void)[] = (all) => all): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of order(held)) setImmediate(() => this.#isUp && deliver());
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
