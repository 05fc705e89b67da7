/**
 * Keeps a player playing. The browser reads the stream by itself, so the state of the read is derived from the player
 * and from what the server reports about the stream. Players report neither data that they cannot decode nor why a
 * connection ended: the session detects both, restarts the player at the live end, and says why. It continues with the
 * next generation of the path.
 *
 *     connecting ──► buffering ──► playing ──cut, stalled──► connecting (at the live end) ──► …
 *                                     └──end──► ended, or gone ──next generation──► connecting (from its start) ──► …
 */
import { signal } from '@preact/signals';
import { isClientError } from '../../../src/client/index.ts';
import { counted } from '../../format.ts';
import type { Phase, ReadingFacts } from '../connection/reading.ts';
import { NEXT_GENERATION_POLL_MS } from '../connection/reading-session.ts';
import { isTransient, type StreamStatus, streamStatus } from '../connection/stream-status.ts';
import type { FoundFacts, Source } from '../source.ts';
import type { Start } from '../view-state.ts';
import { mediaPlan } from './media-source.ts';
import { type Stall, StallDetector } from './stall-detector.ts';

/** After this long without picture or sound, a problem is reported. */
const PROBLEM_AFTER_MS = 5000;
/** How often to check whether a player has stalled. */
const CHECK_MS = 500;
/** How often the server is asked for the state of a stream whose player has stopped. */
const STATUS_MS = 1000;
/** A request for the state of a stream that takes longer counts as failed. */
const STATUS_TIMEOUT_MS = 5000;
/** The delay before a restart grows with the restarts in a row that played nothing. */
const RESTART_DELAY_MS = 1000;
const MAX_RESTART_DELAY_MS = 8000;

/** A shorter measurement of the bit rate means nothing. */
const MIN_MEASURED_SECONDS = 3;

/**
 * How long a player may receive nothing at first while bytes are written: it may wait for the next key frame. Doubled
 * with each restart in a row that played nothing, so that a stream with rarer key frames plays too.
 */
const FIRST_BYTES_MS = 8000;
const MAX_FIRST_BYTES_MS = 64_000;

/** So often a player that fails before it has received anything is restarted. */
const MAX_UNEXPLAINED_FAILURES = 2;

const NETWORK_ERROR = 2;
const MEDIA_ERRORS: Readonly<Record<number, string>> = {
  1: 'playback was aborted',
  [NETWORK_ERROR]: 'the connection broke',
  3: 'the browser cannot decode it',
  4: 'the browser does not know this format, or the server refused it',
};

/** Why a player has stopped. */
type Outcome =
  /** Its user wants the live end. */
  | { kind: 'live end' }
  /** It has played all bytes that it received, and its connection is closed. */
  | { kind: 'closed' }
  /** `silent`: its connection is open, but nothing arrives. */
  | { kind: Stall }
  /** `isCut`: because of its connection. */
  | { kind: 'failed'; why: string; isCut: boolean; hasPlayed: boolean; hasReceived: boolean };

/** An outcome after which playback goes on by itself. */
type Interruption = Exclude<Outcome, { kind: 'live end' }>;

const RESTART_REASONS: Readonly<Record<Interruption['kind'], string>> = {
  closed: 'the server closed the connection',
  failed: 'the player had failed',
  silent: 'nothing arrived while the stream grew',
  stalled: 'the player had stalled: bytes were lost',
};

const NO_STATUS = 'unreachable';
const NO_ANSWER = 'the server does not answer';

export class MediaSession {
  readonly facts = signal<ReadingFacts>(factsOf({ kind: 'connecting' }));
  readonly isSound = signal(false);
  readonly isMuted = signal(false);
  /** Why nothing plays. */
  readonly problem = signal<string | undefined>(undefined);
  /** Why playback was restarted. */
  readonly notice = signal<string | undefined>(undefined);
  readonly #source: Source;
  readonly #leaving = new AbortController();
  #found: FoundFacts;
  #player: HTMLMediaElement | undefined;
  /** Where the next playback begins; undefined: at the live end. */
  #start: Start | undefined;
  #generation: string | undefined;
  /** The end offset of this generation when it was first known, and the rate at which it has grown since. */
  #measured: { at: number; end: number } | undefined;
  #bytesPerSecond: number | undefined;
  #wasUnreachable = false;
  #restarts = 0;
  /** Restarts in a row that played nothing. */
  #failures = 0;
  #end: (outcome: Outcome) => void = () => {};

  constructor(source: Source, found: FoundFacts) {
    this.#source = source;
    this.#found = found;
    this.#start = source.start;
    this.isSound.value = mediaPlan(found.type, found.sniffed, source.start).isSound;
  }

  start(player: HTMLMediaElement): void {
    this.#player = player;
    player.addEventListener('volumechange', () => {
      this.isMuted.value = player.muted;
    });
    void this.#run();
  }

  stop(): void {
    this.#leaving.abort();
  }

  toLiveEnd(): void {
    this.notice.value = undefined;
    this.#restarts = 0;
    this.#end({ kind: 'live end' });
  }

  async #run(): Promise<void> {
    const left = this.#leaving.signal;
    while (!left.aborted) {
      try {
        const status = await this.#reachable();
        if (status === undefined || left.aborted) continue;
        const outcome = await this.#play();
        if (!left.aborted) await this.#after(outcome);
      } catch (error) {
        if (left.aborted) return;
        // The server refuses it: only the user can go on.
        this.#refuse(
          error instanceof Error ? error.message : String(error),
          isClientError(error) ? error.code : 'FAILED',
        );
        await this.#userWants();
      }
    }
  }

  /** Waits until the server reports an existing stream, and notes its generation. */
  async #reachable(): Promise<StreamStatus | undefined> {
    const status = await this.#status();
    if (status === undefined && this.#generation === undefined && !this.#source.create) {
      this.#become({ kind: 'refused', why: 'there is no stream with this name', code: 'NOT_FOUND' });
      await this.#userWants();
      return undefined;
    }
    if (status === undefined && this.#generation !== undefined) {
      await this.#nextGeneration({ kind: 'gone', reason: 'removed' });
      return undefined;
    }
    const { generation } = status ?? {};
    if (this.#generation !== undefined && generation !== this.#generation) await this.#begin(generation);
    this.#generation = generation;
    this.#measure(status);
    return status ?? { generation, isOpen: true, end: 0, endStatus: undefined };
  }

  #measure(status: StreamStatus | undefined): void {
    if (status === undefined) return;
    this.#measured ??= { at: performance.now(), end: status.end };
    const seconds = (performance.now() - this.#measured.at) / 1000;
    if (seconds >= MIN_MEASURED_SECONDS) this.#bytesPerSecond = (status.end - this.#measured.end) / seconds;
  }

  /** Decides how to go on after a player has stopped. */
  async #after(outcome: Outcome): Promise<void> {
    this.#start = undefined;
    if (outcome.kind === 'live end') return;
    const status = await this.#status();
    if (this.#leaving.signal.aborted) return;
    // `#reachable` continues.
    if (status === undefined || status.generation !== this.#generation) return;
    const hasFinished =
      outcome.kind === 'closed' || (outcome.kind === 'failed' && (outcome.hasPlayed || outcome.isCut));
    if (hasFinished && !status.isOpen) {
      await this.#nextGeneration({ kind: 'ended', reason: 'ended', status: status.endStatus });
      return;
    }
    if (outcome.kind === 'failed' && !outcome.hasPlayed && !this.#mayBeCut(outcome, status)) {
      this.problem.value = outcome.why;
      this.#refuse(outcome.why, 'MEDIA');
      await this.#userWants();
      return;
    }
    await this.#restart(outcome);
  }

  /** Whether a player that never played may have lost its connection. Without data it cannot know the format. */
  #mayBeCut({ hasReceived, isCut }: Outcome & { kind: 'failed' }, { end }: StreamStatus): boolean {
    if (isCut || this.#wasUnreachable || end === 0) return true;
    return !hasReceived && this.#failures < MAX_UNEXPLAINED_FAILURES;
  }

  async #restart(outcome: Interruption): Promise<void> {
    const isCut = this.#wasUnreachable || (outcome.kind === 'failed' && outcome.isCut);
    const why = isCut ? 'the connection was cut' : RESTART_REASONS[outcome.kind];
    this.#restarts += 1;
    const times = this.#restarts === 1 ? 'once' : counted(this.#restarts, 'time');
    this.notice.value = `restarted at the live end ${times}, because ${why}`;
    this.#source.client.forgetLink(this.#source.path);
    if (isCut || outcome.kind === 'silent') await this.#source.client.dropDeadConnections();
    const delay =
      this.#failures === 0 ? 0 : Math.min(RESTART_DELAY_MS * 2 ** (this.#failures - 1), MAX_RESTART_DELAY_MS);
    if (delay > 0) {
      this.#become({ kind: 'reconnecting', until: Date.now() + delay, attempt: this.#failures, why });
      await this.#pause(delay);
    }
    this.#failures += 1;
  }

  /** Waits in this phase for the next generation of the path, or until the user wants to play this one again. */
  async #nextGeneration(phase: Phase): Promise<void> {
    this.#become(phase);
    const wanted = this.#userWants();
    while (!this.#leaving.signal.aborted) {
      const isWanted = await Promise.race([
        wanted.then(() => true),
        this.#pause(NEXT_GENERATION_POLL_MS).then(() => false),
      ]);
      if (isWanted) return;
      if (document.hidden) continue;
      const status = await this.#askedStatus();
      if (status === NO_STATUS || status === undefined || status.generation === this.#generation) continue;
      await this.#begin(status.generation);
      return;
    }
  }

  /** Begins to play another generation. */
  async #begin(generation: string | undefined): Promise<void> {
    this.#generation = generation;
    this.#measured = undefined;
    this.#bytesPerSecond = undefined;
    this.#start = { type: 'earliest' };
    this.#restarts = 0;
    this.#failures = 0;
    this.notice.value = undefined;
    const found = await this.#source.onNextGeneration();
    if (found.type !== undefined || found.sniffed !== undefined) this.#found = found;
  }

  /** Resolves when the user wants the live end. */
  #userWants(): Promise<void> {
    return new Promise((resolve) => {
      this.#end = () => resolve();
      this.#leaving.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** The state of the stream, as soon as the server is reachable. */
  async #status(): Promise<StreamStatus | undefined> {
    this.#wasUnreachable = false;
    for (let attempt = 1; ; attempt++) {
      const status = await this.#askedStatus();
      if (status !== NO_STATUS || this.#leaving.signal.aborted) return status === NO_STATUS ? undefined : status;
      this.#wasUnreachable = true;
      const until = Date.now() + STATUS_MS;
      this.#become({ kind: 'reconnecting', until, attempt, why: NO_ANSWER });
      await this.#pause(STATUS_MS);
    }
  }

  async #askedStatus(): Promise<StreamStatus | typeof NO_STATUS | undefined> {
    const { client, mayAsk, path } = this.#source;
    try {
      const tooLate = this.#pause(STATUS_TIMEOUT_MS).then(() => NO_STATUS as typeof NO_STATUS);
      return await Promise.race([streamStatus(client, path, mayAsk), tooLate]);
    } catch (error) {
      if (isClientError(error) && isTransient(error)) return NO_STATUS;
      throw error;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal: left } = this.#leaving;
      const done = () => {
        clearTimeout(timer);
        left.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      left.addEventListener('abort', done);
    });
  }

  /** Plays from the current start until the player stops. */
  async #play(): Promise<Outcome> {
    const player = this.#player!;
    const over = new AbortController();
    const { signal: isOver } = over;
    const plan = mediaPlan(this.#found.type, this.#found.sniffed, this.#start, this.#bytesPerSecond);
    this.isSound.value = plan.isSound;
    this.#become({ kind: 'connecting' });
    this.problem.value = undefined;
    let stop = () => {};
    try {
      return await new Promise<Outcome>((resolve) => {
        this.#end = resolve;
        this.#leaving.signal.addEventListener('abort', () => resolve({ kind: 'live end' }), { signal: isOver });
        const firstBytesMs = Math.min(FIRST_BYTES_MS * 2 ** this.#failures, MAX_FIRST_BYTES_MS);
        const stallDetector = new StallDetector(performance.now(), firstBytesMs);
        const state: PlaybackState = { received: 0, written: undefined, failure: undefined, isUnreachable: false };
        const check = () => {
          const { currentTime: time, ended, paused } = player;
          const { failure, received, written } = state;
          const hasFailed = failure !== undefined;
          const isStopped = ended || (paused && !hasFailed);
          const now = performance.now();
          const stall = stallDetector.check({ time, received, written, hasFailed, isStopped }, now);
          if (stall !== undefined) {
            const cut = { kind: 'failed', why: NO_ANSWER, isCut: true, hasPlayed: true, hasReceived: true } as const;
            resolve(failure?.isCut === true ? cut : { kind: stall });
          } else if (failure !== undefined && !stallDetector.hasPlayed) {
            resolve({ ...failure, kind: 'failed', hasPlayed: false, hasReceived: received > 0 });
          }
          if (stallDetector.hasPlayed) this.#failures = 0;
          if (!stallDetector.isSuspicious(now)) state.written = undefined;
        };
        const ask = async () => {
          const isWaiting = () => stallDetector.isSuspicious(performance.now()) && !player.paused && !isOver.aborted;
          if (!isWaiting()) return;
          const { received } = state;
          const status = await this.#askedStatus().catch(() => undefined);
          if (!isWaiting() || state.received !== received) return;
          if (status === NO_STATUS) {
            state.isUnreachable = true;
            this.#become({ kind: 'reconnecting', until: 0, attempt: 1, why: NO_ANSWER });
          } else if (state.isUnreachable) {
            resolve({ kind: 'failed', why: NO_ANSWER, isCut: true, hasPlayed: true, hasReceived: true });
          } else if (status === undefined || !status.isOpen || status.generation !== this.#generation) {
            // The player would have noticed, unless its connection is cut. One that has played nothing starts again.
            resolve({ kind: stallDetector.hasPlayed ? 'closed' : 'silent' });
          } else state.written = status.end;
        };
        const checking = setInterval(check, CHECK_MS);
        const asking = setInterval(() => void ask(), STATUS_MS);
        isOver.addEventListener('abort', () => {
          clearInterval(checking);
          clearInterval(asking);
        });
        const fail = (why: string, isCut = false) => {
          state.failure = { why, isCut };
          check();
        };
        const onReceived = () => {
          state.received += 1;
          state.written = undefined;
        };
        this.#listen(player, isOver, {
          hasReceived: () => state.received > 0,
          onReceived,
          onClosed: () => resolve({ kind: 'closed' }),
          onFailure: fail,
        });
        const begin = async () => {
          const { client, create, path } = this.#source;
          const isNew = create && this.#generation === undefined;
          const address = await client.addressOf(path, { ...plan.parameters, create: isNew });
          if (isOver.aborted) return;
          onConnectionEnd(address, isOver, () => void this.#connectionEnded(isOver, resolve));
          if (plan.isTransportStream) {
            const { playTransportStream } = await import('./transport-stream.ts');
            if (isOver.aborted) return;
            stop = playTransportStream(player, address, { onFailure: fail, onReceived });
          } else {
            player.src = address;
            stop = () => {
              player.removeAttribute('src');
              player.load();
            };
          }
          await this.#playAloud(player, isOver);
        };
        begin().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
      });
    } finally {
      over.abort();
      stop();
    }
  }

  /**
   * The connection of a player has ended. Chromium reconnects by itself, requests a byte range, and continues with
   * whatever bytes it gets: it skips as many as it had before, although a stream has no ranges and begins elsewhere. So
   * playback is restarted as soon as the server is reachable. If the stream has ended, its last bytes are played first.
   */
  async #connectionEnded(isOver: AbortSignal, end: (outcome: Outcome) => void): Promise<void> {
    for (let attempt = 1; !isOver.aborted; attempt++) {
      const status = await this.#askedStatus().catch(() => undefined);
      if (isOver.aborted) return;
      if (status === NO_STATUS) {
        this.#become({ kind: 'reconnecting', until: Date.now() + STATUS_MS, attempt, why: NO_ANSWER });
      } else if (status !== undefined && status.generation !== this.#generation) {
        end({ kind: 'closed' });
      } else if (status?.isOpen === true) {
        end({ kind: 'failed', why: NO_ANSWER, isCut: true, hasPlayed: true, hasReceived: true });
      }
      await this.#pause(STATUS_MS);
    }
  }

  #listen(
    player: HTMLMediaElement,
    signal: AbortSignal,
    { hasReceived, onClosed, onFailure, onReceived }: PlayerEvents,
  ): void {
    const on = (name: keyof HTMLMediaElementEventMap, work: () => void) =>
      player.addEventListener(name, work, { signal });
    const watching = setInterval(() => void this.#reportSilence(signal, hasReceived), PROBLEM_AFTER_MS);
    const unwatch = () => clearInterval(watching);
    signal.addEventListener('abort', unwatch);
    on('progress', onReceived);
    on('loadedmetadata', () => {
      onReceived();
      this.#become({ kind: 'buffering' });
    });
    on('waiting', () => this.#become({ kind: 'buffering' }));
    on('playing', () => {
      unwatch();
      this.problem.value = undefined;
      this.#become({ kind: 'playing' });
    });
    on('pause', unwatch);
    on('ended', onClosed);
    on('error', () => {
      const code = player.error?.code ?? 0;
      onFailure(MEDIA_ERRORS[code] ?? 'it cannot be played', code === NETWORK_ERROR);
    });
  }

  /** Nothing has played for a while: a problem if there is anything to play. */
  async #reportSilence(isOver: AbortSignal, hasReceived: () => boolean): Promise<void> {
    const status = await this.#askedStatus().catch(() => undefined);
    if (isOver.aborted || this.facts.peek().phase.kind === 'playing') return;
    if (status === undefined || status === NO_STATUS || status.end === 0) return;
    this.problem.value = hasReceived()
      ? 'Nothing plays yet: the player has found no point in the data to start from.'
      : 'Nothing plays yet: no data has arrived. The server has found no point in the data to start from, or the connection has failed.';
  }

  /** Browsers play no sound before the user has interacted with the page: then it plays muted. */
  async #playAloud(player: HTMLMediaElement, isOver: AbortSignal): Promise<void> {
    try {
      await player.play();
    } catch (error) {
      if (isOver.aborted || !(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      player.muted = true;
      await player.play().catch(() => {});
    }
  }

  #refuse(why: string, code: string): void {
    this.problem.value = why;
    this.#become({ kind: 'refused', why, code });
  }

  #become(phase: Phase): void {
    if (!this.#leaving.signal.aborted) this.facts.value = factsOf(phase);
  }
}

/** Calls `callback` when a response to a request for `address` has ended, for any reason. */
function onConnectionEnd(address: string, signal: AbortSignal, callback: () => void): void {
  const observer = new PerformanceObserver((list) => {
    if (list.getEntriesByName(address).length > 0) callback();
  });
  observer.observe({ type: 'resource' });
  signal.addEventListener('abort', () => observer.disconnect());
}

/** What is known about one playback, in addition to the player's own state. */
interface PlaybackState {
  /** Grows with the data that the player has received. */
  received: number;
  /** The end offset of the stream, requested while the player waits and since it last received data. */
  written: number | undefined;
  failure: Failure | undefined;
  /** Whether the server did not answer while the player waited. */
  isUnreachable: boolean;
}

interface Failure {
  why: string;
  isCut: boolean;
}

interface PlayerEvents {
  hasReceived: () => boolean;
  onReceived: () => void;
  onClosed: () => void;
  onFailure: (why: string, isCut: boolean) => void;
}

function factsOf(phase: Phase): ReadingFacts {
  return { phase, silentFor: undefined, offset: undefined, lag: undefined, lost: 0 };
}
