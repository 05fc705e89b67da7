/**
 * The simulated connection between a log and the engine in memory, with faults on command. Calls and pushes take a turn
 * of the event loop, as over a socket.
 */

/** A call failed without a reply: it may or may not have been executed. */
export class CutError extends Error {}

type Fault = 'lostCall' | 'lostReply' | 'lostPush' | 'doubledPush';

export class Wire {
  #isUp = true;
  /** How often each fault is still to happen. */
  readonly #due: Record<Fault, number> = { lostCall: 0, lostReply: 0, lostPush: 0, doubledPush: 0 };
  /** Pushes held back; undefined while pushes are delivered. */
  #held: (() => void)[] | undefined;
  readonly #waiting = new Set<() => void>();
  /** Called when the connection goes up or down. */
  onChange: ((isUp: boolean) => void) | undefined;

  get isConnected(): boolean {
    return this.#isUp;
  }

  async call<T>(does: () => T): Promise<T> {
    await turn();
    if (!this.#isUp || this.#takes('lostCall')) throw new CutError('the call was lost');
    const reply = does();
    await turn();
    if (!this.#isUp || this.#takes('lostReply')) throw new CutError('the reply was lost');
    return reply;
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

  /** Settles when the connection is up. */
  whenUp(): Promise<void> {
    if (this.#isUp) return turn();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Cuts the connection: messages in flight are lost, and nothing is delivered until {@link restore}. */
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

  /** Loses the given number of calls before their execution. */
  loseCalls(count: number): void {
    this.#due.lostCall += count;
  }

  /** Executes the given number of calls and loses their replies. */
  loseAnswers(count: number): void {
    this.#due.lostReply += count;
  }

  losePushes(count: number): void {
    this.#due.lostPush += count;
  }

  doublePushes(count: number): void {
    this.#due.doubledPush += count;
  }

  /** Holds back pushes until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Delivers the held pushes in the order returned by `order`. */
  release(order: (deliveries: (() => void)[]) => (() => void)[] = (all) => all): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of order(held)) setImmediate(() => this.#isUp && deliver());
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
