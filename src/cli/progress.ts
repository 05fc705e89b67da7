/** How much has passed and how fast, on a terminal's last line. On anything but a terminal it says nothing. */
import { formatSize } from '../units/index.ts';
import { CLEAR_LINE, type Messages } from './io.ts';

/** Milliseconds between two lines. */
const INTERVAL = 250;

/** The share of the newest interval in the rate shown: enough to follow, not enough to flicker. */
const SMOOTHING = 0.3;

export class Progress {
  readonly #messages: Messages;
  readonly #started = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #bytes = 0;
  #shownBytes = 0;
  #shownAt = performance.now();
  #rate: number | undefined;

  constructor(messages: Messages, shown: boolean) {
    this.#messages = messages;
    if (!shown) return;
    this.#timer = setInterval(() => this.#show(), INTERVAL);
    this.#timer.unref();
  }

  /** Sets the bytes that have passed so far. */
  set(bytes: number): void {
    this.#bytes = bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Takes the line away; `done` leaves a last one with the mean rate. */
  stop(done?: string): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#messages.raw(CLEAR_LINE);
    if (done === undefined) return;
    const seconds = Math.max(0.001, (performance.now() - this.#started) / 1000);
    const rate = formatSize(this.#bytes / seconds);
    this.#messages.note(`${done} ${formatSize(this.#bytes)} in ${seconds.toFixed(1)}s (${rate}/s)`);
  }

  #show(): void {
    const now = performance.now();
    const latest = ((this.#bytes - this.#shownBytes) * 1000) / Math.max(1, now - this.#shownAt);
    this.#rate = this.#rate === undefined ? latest : this.#rate + SMOOTHING * (latest - this.#rate);
    this.#shownBytes = this.#bytes;
    this.#shownAt = now;
    const elapsed = Math.floor((now - this.#started) / 1000);
    const clock = `${Math.floor(elapsed / 60)}:${String(elapsed % 60).padStart(2, '0')}`;
    this.#messages.raw(`${CLEAR_LINE}${formatSize(this.#bytes)}  ${formatSize(this.#rate)}/s  ${clock}`);
  }
}
