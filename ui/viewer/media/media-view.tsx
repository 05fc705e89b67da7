/**
 * A stream that plays. The browser reads it by itself, so the state of the read is derived from the player. Players do
 * not report data that they cannot decode, so a timeout detects that.
 */
import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count } from '../../format.ts';
import type { Sniffed } from '../bytes/sniff.ts';
import type { Phase, ReadingFacts } from '../connection/reading.ts';
import type { Source } from '../source.ts';
import type { ViewState } from '../view-state.ts';
import { mediaPlan } from './media-source.ts';
import { StallDetector } from './stall-detector.ts';

/** After this long without picture or sound, a problem is reported. */
const PROBLEM_AFTER_MS = 5000;
/** How often to check whether a player has stalled. */
const CHECK_MS = 500;

const MEDIA_ERRORS: Readonly<Record<number, string>> = {
  1: 'playback was aborted',
  2: 'the connection broke',
  3: 'the browser cannot decode it',
  4: 'the browser does not know this format, or the server refused it',
};

export interface MediaViewProps {
  source: Source;
  sniffed: Sniffed | undefined;
  change: (change: Partial<ViewState>) => void;
}

export function MediaView({ change, sniffed, source }: MediaViewProps) {
  const player = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string>();
  const [attempt, setAttempt] = useState(0);
  /** How often playback was restarted because it had stalled. */
  const [renewals, setRenewals] = useState(0);
  const plan = useMemo(
    () => mediaPlan(source.type, sniffed, source.start, attempt + renewals > 0),
    [attempt, renewals],
  );
  const [isMuted, setMuted] = useState(false);
  const facts = useMemo(() => signal<ReadingFacts>(factsOf({ kind: 'connecting' })), []);

  useEffect(() => {
    source.reading.value = facts;
    const element = player.current!;
    const leaving = new AbortController();
    const { signal: left } = leaving;
    const become = (phase: Phase) => {
      facts.value = factsOf(phase);
    };
    const on = (name: keyof HTMLMediaElementEventMap, work: () => void) =>
      element.addEventListener(name, work, { signal: left });
    const stallDetector = new StallDetector(performance.now());
    let received = 0;
    let failure: string | undefined;
    const onReceived = () => {
      received += 1;
    };
    const check = () => {
      const { currentTime: time, ended, paused } = element;
      const hasFailed = failure !== undefined;
      const state = { time, received, hasFailed, isStopped: ended || (paused && !hasFailed) };
      if (stallDetector.check(state, performance.now())) setRenewals((known) => known + 1);
      else if (failure !== undefined && !stallDetector.hasPlayed) {
        setProblem(failure);
        become({ kind: 'refused', why: failure, code: 'MEDIA' });
      }
    };
    const checkTimer = setInterval(check, CHECK_MS);
    const fail = (why: string) => {
      failure = why;
      check();
    };
    become({ kind: 'connecting' });
    setProblem(undefined);
    let problemTimer = setTimeout(() => {}, 0);
    const watch = () => {
      clearTimeout(problemTimer);
      problemTimer = setTimeout(
        () => setProblem('Nothing plays yet: the player has found no point in the data to start from.'),
        PROBLEM_AFTER_MS,
      );
    };
    watch();
    on('progress', onReceived);
    on('loadedmetadata', () => become({ kind: 'buffering' }));
    on('waiting', () => {
      become({ kind: 'buffering' });
      watch();
    });
    on('playing', () => {
      clearTimeout(problemTimer);
      setProblem(undefined);
      become({ kind: 'playing' });
    });
    on('pause', () => clearTimeout(problemTimer));
    on('ended', () => become({ kind: 'ended', reason: 'ended' }));
    on('error', () => fail(MEDIA_ERRORS[element.error?.code ?? 0] ?? 'it cannot be played'));
    on('volumechange', () => setMuted(element.muted));

    const play = async () => {
      try {
        await element.play();
      } catch (error) {
        if (left.aborted || !(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
        // Browsers play no sound before the user has interacted with the page.
        element.muted = true;
        await element.play().catch(() => {});
      }
    };
    let stop = () => {
      element.removeAttribute('src');
      element.load();
    };
    const begin = async () => {
      const address = await source.client.addressOf(source.path, plan.parameters);
      if (left.aborted) return;
      if (plan.isTransportStream) {
        const { playTransportStream } = await import('./transport-stream.ts');
        if (left.aborted) return;
        stop = playTransportStream(element, address, { onFailure: fail, onReceived });
      } else element.src = address;
      await play();
    };
    begin().catch((error: unknown) => left.aborted || fail(error instanceof Error ? error.message : String(error)));
    return () => {
      leaving.abort();
      clearTimeout(problemTimer);
      clearInterval(checkTimer);
      stop();
    };
  }, [attempt, renewals]);

  const label = `Playing ${source.path}`;
  return (
    <div class="player">
      {/* Audio uses this element too: before the user has interacted with the page, Chromium plays no <audio>, not even
         a muted one. */}
      {/* biome-ignore lint/a11y/useMediaCaption: a live stream has none */}
      <video
        ref={player}
        class={plan.isSound ? 'sound' : undefined}
        controls
        playsInline
        aria-label={label}
        data-testid="player"
      />
      <div class="player-actions">
        {isMuted ? (
          <button
            type="button"
            class="primary"
            onClick={() => {
              player.current!.muted = false;
            }}
          >
            Sound on
          </button>
        ) : null}
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          To the live end
        </button>
      </div>
      {renewals === 0 || problem !== undefined ? null : (
        <p class="muted" role="status" data-testid="renewals">
          {`restarted at the live end ${renewals === 1 ? 'once' : `${count(renewals)} times`}, because it had stalled: bytes were lost`}
        </p>
      )}
      {problem === undefined ? null : (
        <div role="alert" class="player-problem">
          <p>{problem}</p>
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            Try again
          </button>
          <button type="button" onClick={() => change({ start: { type: 'earliest' } })}>
            From the start
          </button>
          <button type="button" onClick={() => change({ view: 'hex' })}>
            Show bytes
          </button>
        </div>
      )}
    </div>
  );
}

function factsOf(phase: Phase): ReadingFacts {
  return { phase, silentFor: undefined, offset: undefined, lag: undefined };
}
