/**
 * Whether the server is there, as far as can be known: it is asked every second while the page can be seen, and every
 * answer to anything else counts too. What is shown is what was last seen to be so, never what is hoped.
 */
import { signal } from '@preact/signals';

export type ServerState =
  | { kind: 'connecting' }
  | { kind: 'ok' }
  /** It was asked, and has not answered since. */
  | { kind: 'silent'; since: number }
  /** No connection could be made, or it broke. */
  | { kind: 'gone'; since: number };

const ASK_EVERY_MS = 1000;

/** An answer that takes longer shows as silence. */
const SILENCE_MS = 1000;

/** After which a question counts as lost, and the next is asked. */
const GIVE_UP_MS = 5000;

export class ServerWatch {
  readonly state = signal<ServerState>({ kind: 'connecting' });
  /** How far the server's clock is ahead of this one, in milliseconds. */
  clockAhead = 0;
  readonly #ask: (signal: AbortSignal) => Promise<number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  /** @param ask asks the server, and gives what its clock says, to the second; NaN where it does not tell */
  constructor(ask: (signal: AbortSignal) => Promise<number>) {
    this.#ask = ask;
  }

  start(): void {
    document.addEventListener('visibilitychange', () => this.#look());
    addEventListener('online', () => this.#look());
    addEventListener('offline', () => this.#look());
    this.#look();
  }

  /** It has answered something. */
  answered(): void {
    if (this.state.peek().kind !== 'ok') this.state.value = { kind: 'ok' };
  }

  /** Something has failed that was asked of it: is it still there? */
  failed(): void {
    if (this.#asking === undefined) this.#look();
  }

  /** Asks at once, and again and again while the page can be seen. */
  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    if (document.hidden || this.#asking !== undefined) return;
    const asking = new AbortController();
    this.#asking = asking;
    const asked = Date.now();
    const silence = setTimeout(() => this.#lost('silent', asked), SILENCE_MS);
    const giveUp = setTimeout(() => asking.abort(), GIVE_UP_MS);
    try {
      this.#setClock(await this.#ask(asking.signal));
      this.answered();
    } catch {
      this.#lost(asking.signal.aborted ? 'silent' : 'gone', asked);
    }
    clearTimeout(silence);
    clearTimeout(giveUp);
    this.#asking = undefined;
    this.#timer = setTimeout(() => this.#look(), ASK_EVERY_MS);
  }

  /** Only a difference that is longer than what a clock in seconds and an answer that took a while can make. */
  #setClock(time: number): void {
    const ahead = time + 500 - Date.now();
    this.clockAhead = Math.abs(ahead) > 3000 ? ahead : 0;
  }

  /** The time stays that of the first loss. */
  #lost(kind: 'silent' | 'gone', asked: number): void {
    const state = this.state.peek();
    if (state.kind === kind) return;
    this.state.value = { kind, since: 'since' in state ? state.since : asked };
  }
}
