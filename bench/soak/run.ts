/** State shared by all parts of a soak: the server, the clock, seeded random numbers, and failures. */
import { setMaxListeners } from 'node:events';
import type { Process } from '../../test/e2e/harness/process.ts';

export interface Options {
  seconds: number;
  streams: number;
  readers: number;
  /** Bytes per second of all writers together. */
  rate: number;
  /** Number of command line processes that write, and of those that read. */
  processes: number;
  seed: number;
  /** Whether streams are kept on disk: then a killed server loses nothing. */
  persist: boolean;
}

/** Further resources of readers and writers. */
export interface Means {
  /** The path of the command line program. */
  main: string;
  /** The port of the proxy that cuts connections. */
  cutter: number;
}

/** One stream in this many is this many times busier than the others. */
const EVERY = 7;
const BUSIER = 10;

export class Run {
  readonly options: Options;
  readonly server: Process;
  readonly port: number;
  /** Aborts when writers must stop. */
  readonly writing = new AbortController();
  /** Aborts when no more readers may join. */
  readonly joining = new AbortController();
  /** Bytes written to each stream and acknowledged, or known to have arrived. */
  readonly written: number[];
  readonly failures: string[] = [];
  readonly counts = {
    bytesIn: 0,
    bytesOut: 0,
    skipped: 0,
    gaps: 0,
    joins: 0,
    leaves: 0,
    cuts: 0,
    resumes: 0,
    retries: 0,
    kicks: 0,
    handleReads: 0,
    shortLivedStreams: 0,
    /** Complete lines read, of writers of every kind. */
    lines: 0,
    silentLines: 0,
    silences: 0,
    /** Silent writers that the server had forgotten, and that continued. */
    forgotten: 0,
    /** Restarts by signal, and bytes written across them. */
    SIGTERM: 0,
    SIGKILL: 0,
    restartBytes: 0,
    /** Acknowledged bytes that the writer reported as lost with their server. */
    restartLost: 0,
    /** New generations that followers continued with. */
    recreated: 0,
  };
  private state: number;

  constructor(options: Options, server: Process, port: number) {
    this.options = options;
    this.server = server;
    this.port = port;
    this.written = new Array<number>(options.streams).fill(0);
    this.state = options.seed | 1;
    // One listener per reader and writer.
    setMaxListeners(0, this.writing.signal, this.joining.signal);
  }

  /** From 0 to below 1; the same sequence for the same seed. */
  random(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return Math.floor(least + this.random() * (most - least + 1));
  }

  /** Write rate of a stream in bytes per second: some are much busier than most. */
  rateOf(stream: number): number {
    const { rate, streams } = this.options;
    const busy = Math.ceil(streams / EVERY);
    return (rate * (stream % EVERY === 0 ? BUSIER : 1)) / (streams + busy * (BUSIER - 1));
  }

  pathOf(stream: number): string {
    return `/streamfs/soak/${stream}`;
  }

  fail(what: string): void {
    if (this.failures.length < 50) this.failures.push(what);
  }

  /** Runs work that must not fail; a failure is recorded. */
  async guard(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** Waits; ends early when the signal aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}
