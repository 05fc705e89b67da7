/** Shows the bytes transferred and their rate on the last line of a terminal. Prints nothing elsewhere. */
import { formatSize } from '../units/index.ts';
import { CLEAR_LINE, type Messages } from './io.ts';

/** Milliseconds between two updates. */
const INTERVAL = 250;

/** Weight of the newest interval in the rate shown: it follows changes without flickering. */
const SMOOTHING = 0.3;

export class Progress {
  readonly #messages: Messages;
  /** Total number of bytes, if known. */
  readonly #total: number | undefined;
  readonly #started = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #bytes = 0;
  #shownBytes = 0;
  #shownAt = performance.now();
  #rate: number | undefined;

  constructor(messages: Messages, shown: boolean, total?: number) {
    this.#messages = messages;
    this.#total = total;
    if (!shown) return;
    this.#timer = setInterval(() => this.#show(), INTERVAL);
    this.#timer.unref();
  }

  /** Sets the bytes transferred so far. */
  set(bytes: number): void {
    this.#bytes = bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Removes the line; `done` leaves a final one with the mean rate. */
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
    const line = progressLine(this.#bytes, this.#total, this.#rate, (now - this.#started) / 1000);
    this.#messages.raw(`${CLEAR_LINE}${line}`);
  }
}

/** `1.5MB of 6.0MB, 25%  512.0KB/s  0:03, 0:09 left`; without a total only the known parts. Times are in seconds. */
export function progressLine(bytes: number, total: number | undefined, rate: number, elapsed: number): string {
  const size = formatSize(bytes);
  const speed = `${formatSize(rate)}/s`;
  // A file that grew while it was read no longer has a known total.
  if (total === undefined || total < bytes || total === 0) return `${size}  ${speed}  ${clock(elapsed)}`;
  const percent = Math.floor((bytes / total) * 100);
  const left = rate < 1 ? '' : `, ${clock((total - bytes) / rate)} left`;
  return `${size} of ${formatSize(total)}, ${percent}%  ${speed}  ${clock(elapsed)}${left}`;
}

function clock(seconds: number): string {
  const wholeSeconds = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(wholeSeconds / 3600), Math.floor(wholeSeconds / 60) % 60];
  const rest = String(wholeSeconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}
