/** Shows the contents of a stream in the requested view, or the one that fits it, from the requested start. */

import { type Signal, signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { isClientError } from '../../src/client/index.ts';
import { placeHash } from '../hash.ts';
import { isNarrow } from '../narrow.ts';
import { here, replaceState } from '../routing.ts';
import type { PageClient } from '../session/page-client.ts';
import { token } from '../session/token.ts';
import { SNIFFED_BYTES, type Sniffed, sniff } from './bytes/sniff.ts';
import { isSettledByType, sniffedOfContainer, viewFor } from './choose-view.ts';
import { ConnectionLine } from './connection/connection-line.tsx';
import { isNotFound, type ReadingFacts } from './connection/reading.ts';
import { NEXT_GENERATION_POLL_MS } from './connection/reading-session.ts';
import { isTransient, streamStatus } from './connection/stream-status.ts';
import { HexView } from './hex/hex-view.tsx';
import { ImageView } from './image/image-view.tsx';
import { LogView } from './log/log-view.tsx';
import { MediaView } from './media/media-view.tsx';
import type { FoundFacts, Source } from './source.ts';
import { TerminalView } from './terminal/terminal-view.tsx';
import { parseViewState, type Start, type ViewName, type ViewState, viewStateQuery } from './view-state.ts';
import { ViewerHead } from './viewer-head.tsx';
import './viewer.css';

export interface ViewerProps {
  path: string;
  client: PageClient;
  /** Shown above the stream: its path, and further actions. */
  heading: ComponentChildren;
  actions: ComponentChildren;
}

export function Viewer({ actions, client, heading, path }: ViewerProps) {
  const state = parseViewState(here.value.state, isNarrow.value);
  const [found, setFound] = useState<FoundFacts>();
  const [attempt, setAttempt] = useState({ number: 0, create: false });
  const reading = useMemo<Signal<Signal<ReadingFacts> | undefined>>(() => signal(undefined), []);
  /** When the next generation of the path began to be shown, and the start that was requested of the previous one. */
  const [next, setNext] = useState<{ since: number; start: Start }>();
  const mayAsk = client.link.value?.path !== path || token.peek() !== undefined;

  useEffect(() => {
    const leaving = new AbortController();
    setFound(undefined);
    setNext(undefined);
    inspectStream(client, path, mayAsk, leaving.signal).then(
      (each) => leaving.signal.aborted || setFound(each),
      () => leaving.signal.aborted || setFound(NOTHING_FOUND),
    );
    return () => leaving.abort();
  }, [client, path, attempt.number]);

  const isMissing = reading.value?.value.phase.kind === 'refused' && isNotFound(reading.value.value.phase);
  useEffect(() => {
    if (!isMissing) return;
    const leaving = new AbortController();
    void untilCreated(client, path, mayAsk, leaving.signal).then((isCreated) => {
      if (isCreated) setAttempt(({ number }) => ({ number: number + 1, create: false }));
    });
    return () => leaving.abort();
  }, [client, path, isMissing]);

  const change = useCallback((part: Partial<ViewState>) => {
    const narrow = isNarrow.peek();
    replaceState(viewStateQuery({ ...parseViewState(here.peek().state, narrow), ...part }, narrow));
  }, []);
  const onFirstBytes = useCallback((bytes: Uint8Array) => {
    // Only for a stream that was empty, so that nothing is known yet.
    setFound((known) => (known?.sniffed === undefined ? { type: known?.type, sniffed: sniff(bytes) } : known));
  }, []);

  const onNextGeneration = useCallback(async () => {
    setNext({ since: Date.now(), start: parseViewState(here.peek().state, false).start });
    const facts = await inspectStream(client, path, mayAsk, new AbortController().signal).catch(() => NOTHING_FOUND);
    // An empty stream of an unknown type stays in the current view.
    if (facts.type !== undefined || facts.sniffed !== undefined) setFound(facts);
    return facts;
  }, [client, path, mayAsk]);

  const auto = found === undefined ? undefined : viewFor(found.type, found.sniffed ?? sniff(NO_BYTES));
  const view = state.view ?? auto;
  // A change of start or view begins a new read.
  const startKey = JSON.stringify(state.start);
  const key = `${view} ${startKey} ${attempt.number}`;
  // An offset of the previous generation means nothing in the next one, which is shown from its beginning.
  const isNext = next !== undefined && JSON.stringify(next.start) === startKey;
  const start: Start = isNext ? { type: 'earliest' } : state.start;
  const source: Source | undefined =
    found === undefined
      ? undefined
      : { client, path, type: found.type, start, mayAsk, create: attempt.create, reading, onNextGeneration };
  const phase = reading.value?.value.phase;
  return (
    <section class="viewer fill" aria-label={`Stream ${path}`}>
      <ViewerHead
        client={client}
        path={path}
        heading={heading}
        actions={actions}
        state={state}
        auto={auto}
        change={change}
      />
      <ConnectionLine reading={reading} newSince={isNext ? next.since : undefined} />
      {phase?.kind === 'refused' || (phase?.kind === 'ended' && phase.isLast === true) ? (
        <div class="again">
          <button type="button" onClick={() => setAttempt({ number: attempt.number + 1, create: attempt.create })}>
            Read again
          </button>
          {phase.kind === 'refused' && phase.code === 'IS_A_DIRECTORY' ? (
            <a class="button" href={placeHash('streams', new URLSearchParams({ q: `${path}/` }))}>
              Show its streams
            </a>
          ) : null}
          {phase.kind === 'refused' && isNotFound(phase) ? (
            <button type="button" onClick={() => setAttempt({ number: attempt.number + 1, create: true })}>
              Create it and wait
            </button>
          ) : null}
        </div>
      ) : null}
      {source === undefined || view === undefined || found === undefined ? (
        <p class="muted" role="status">
          looking at it …
        </p>
      ) : (
        <View
          key={key}
          view={view}
          source={source}
          sniffed={found.sniffed}
          state={state}
          change={change}
          onFirstBytes={onFirstBytes}
        />
      )}
    </section>
  );
}

const NO_BYTES = new Uint8Array(0);
const NOTHING_FOUND: FoundFacts = { type: undefined, sniffed: undefined };

interface ViewProps {
  view: ViewName;
  source: Source;
  sniffed: Sniffed | undefined;
  state: ViewState;
  change: (change: Partial<ViewState>) => void;
  onFirstBytes: (bytes: Uint8Array) => void;
}

function View({ view, source, sniffed, state, change, onFirstBytes }: ViewProps) {
  switch (view) {
    case 'log':
    case 'json':
      return (
        <LogView
          source={source}
          isJson={view === 'json'}
          state={view === 'json' ? laidOut(state) : state}
          change={view === 'json' ? (part) => change(laidOut(part)) : change}
          onFirstBytes={onFirstBytes}
        />
      );
    case 'hex':
      return <HexView source={source} />;
    case 'terminal':
      return <TerminalView source={source} />;
    case 'image':
      return <ImageView source={source} change={change} />;
    case 'media':
      return <MediaView source={source} sniffed={sniffed} change={change} />;
  }
}

/** JSON is unfolded by default: in the address the flag has the opposite meaning. */
function laidOut<T extends Partial<ViewState>>(state: T): T {
  return state.isUnfolded === undefined ? state : { ...state, isUnfolded: !state.isUnfolded };
}

/** Waits for a missing stream. Returns false if that is useless or no longer wanted. */
async function untilCreated(client: PageClient, path: string, mayAsk: boolean, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, NEXT_GENERATION_POLL_MS));
    if (signal.aborted || document.hidden) continue;
    try {
      if ((await streamStatus(client, path, mayAsk)) !== undefined) return !signal.aborted;
    } catch (error) {
      if (!isClientError(error) || !isTransient(error)) return false;
    }
  }
  return false;
}

/** The declared type, and the format detected from the bytes if there is none. */
async function inspectStream(
  client: PageClient,
  path: string,
  mayAsk: boolean,
  signal: AbortSignal,
): Promise<FoundFacts> {
  let type: string | undefined;
  let declared: Sniffed | undefined;
  if (mayAsk) {
    const { meta } = await client.api.stat(path);
    type = meta.Content?.type;
    declared = sniffedOfContainer(meta.Content?.container);
  }
  if (isSettledByType(type) || declared !== undefined) return { type, sniffed: declared };
  const head = await firstBytes(client, path, signal);
  return { type, sniffed: head.length === 0 ? undefined : sniff(head) };
}

async function firstBytes(client: PageClient, path: string, signal: AbortSignal): Promise<Uint8Array> {
  const head = new Uint8Array(SNIFFED_BYTES);
  let length = 0;
  const { pieces } = await client.api.openSnapshot(path, { signal });
  for await (const piece of pieces) {
    const part = piece.subarray(0, head.length - length);
    head.set(part, length);
    length += part.length;
    if (length === head.length) break;
  }
  return head.subarray(0, length);
}
