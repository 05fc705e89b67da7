/** A stream that plays: the player, why it does not play, and why it was restarted. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Sniffed } from '../bytes/sniff.ts';
import type { Source } from '../source.ts';
import type { ViewState } from '../view-state.ts';
import { MediaSession } from './media-session.ts';

export interface MediaViewProps {
  source: Source;
  sniffed: Sniffed | undefined;
  change: (change: Partial<ViewState>) => void;
}

export function MediaView({ change, sniffed, source }: MediaViewProps) {
  const player = useRef<HTMLVideoElement>(null);
  const session = useMemo(() => new MediaSession(source, { type: source.type, sniffed }), []);
  useEffect(() => {
    source.reading.value = session.facts;
    session.start(player.current!);
    return () => session.stop();
  }, []);
  const { isMuted, isSound, notice, problem } = session;
  return (
    <div class="player">
      {/* Audio uses this element too: before the user has interacted with the page, Chromium plays no <audio>, not even
         a muted one. */}
      {/* biome-ignore lint/a11y/useMediaCaption: a live stream has none */}
      <video
        ref={player}
        class={isSound.value ? 'sound' : undefined}
        controls
        playsInline
        aria-label={`Playing ${source.path}`}
        data-testid="player"
      />
      <div class="player-actions">
        {isMuted.value ? (
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
        <button type="button" onClick={() => session.toLiveEnd()}>
          To the live end
        </button>
      </div>
      <p class="muted" role="status" data-testid="restarts">
        {problem.value === undefined ? notice.value : undefined}
      </p>
      {problem.value === undefined ? null : (
        <div role="alert" class="player-problem">
          <p>{problem}</p>
          <button type="button" onClick={() => session.toLiveEnd()}>
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
