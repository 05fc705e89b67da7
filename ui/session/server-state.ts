/**
 * Whether the server is reachable, as last observed. It is polled every second while the page is visible, and every
 * response to another request counts too.
 */
import { signal } from '@preact/signals';

export type ServerState =
  | { kind: 'connecting' }
  | { kind: 'ok' }
  /** It was polled, and has not responded since. */
  | { kind: 'silent'; since: number }
  /** A connection failed or broke. */
  | { kind: 'gone'; since: number };

const ASK_EVERY_MS = 1000;

/** A response that takes longer is shown as silence. */
const SILENCE_MS = 1000;

/** Timeout of a poll, after which the next one starts. */
const GIVE_UP_MS = 5000;

export class ServerWatch {
  readonly state = signal<ServerState>({ kind: 'connecting' });
  /** How far the server's clock is ahead of the local one, in milliseconds. */
  clockAhead = 0;
  readonly #ask: (signal: AbortSignal) => Promise<number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  /** @param ask polls the server, and returns the time of its clock, in whole seconds; NaN if it sends none */
  constructor(ask: (signal: AbortSignal) => Promise<number>) {
    this.#ask = ask;
  }

  start(): void {
    document.addEventListener('visibilitychange', () => this.#poll());
    addEventListener('online', () => this.#poll());
    addEventListener('offline', () => this.#poll());
    this.#poll();
  }

  /** The server has responded to a request. */
  answered(): void {
    if (this.state.peek().kind !== 'ok') this.state.value = { kind: 'ok' };
  }

  /** Another request has failed: polls to find out whether the server is reachable. */
  failed(): void {
    if (this.#asking === undefined) this.#poll();
  }

  /** Polls at once, and repeatedly while the page is visible. */
  async #poll(): Promise<void> {
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
    this.#timer = setTimeout(() => this.#poll(), ASK_EVERY_MS);
  }

  /** Ignores differences that a clock in whole seconds and a slow response can cause. */
  #setClock(time: number): void {
    const ahead = time + 500 - Date.now();
    this.clockAhead = Math.abs(ahead) > 3000 ? ahead : 0;
  }

  /** `since` remains the time of the first loss. */
  #lost(kind: 'silent' | 'gone', asked: number): void {
    const state = this.state.peek();
    if (state.kind === kind) return;
    this.state.value = { kind, since: 'since' in state ? state.since : asked };
  }
}
