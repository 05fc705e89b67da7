/** A stream as lines: the list, what is searched for, and what is done with it. Also for JSON, a value a row. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { counted } from '../../format.ts';
import { charsetOf } from '../choose-view.ts';
import type { RecordSink } from '../connection/reading-session.ts';
import { type Source, useReading } from '../source.ts';
import { JsonSplitter } from '../text/json-splitter.ts';
import { LineSplitter } from '../text/line-splitter.ts';
import type { ViewState } from '../view-state.ts';
import { LogList, type LogStatus, statusText } from './log-list.ts';
import { SearchBar } from './search-bar.tsx';

export interface LogViewProps {
  source: Source;
  isJson: boolean;
  state: ViewState;
  change: (change: Partial<ViewState>) => void;
  /** The first bytes of a stream that was empty. */
  onFirstBytes: (bytes: Uint8Array) => void;
}

const NOTHING: LogStatus = {
  isFollowing: true,
  newLines: 0,
  droppedLines: 0,
  lines: 0,
  lostBytes: 0,
  hits: 0,
  hit: 0,
  isSearching: false,
  searchError: undefined,
  selectedLines: 0,
};

export function LogView({ change, isJson, onFirstBytes, source, state }: LogViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<LogList>(undefined);
  const [status, setStatus] = useState(NOTHING);
  const sink = useMemo<RecordSink>(() => ({ take: (record, at) => list.current?.model.take(record, at) }), []);
  useEffect(() => {
    const splitter = isJson ? new JsonSplitter() : new LineSplitter(charsetOf(source.type));
    const made = new LogList(
      box.current!,
      `${isJson ? 'Values' : 'Lines'} of ${source.path}`,
      splitter,
      setStatus,
      onFirstBytes,
    );
    list.current = made;
    made.setOptions(state);
    return () => made.stop();
  }, []);
  useReading(source, sink);
  const { context, isFiltered, isUnfolded, isWrapped, search, times } = state;
  useEffect(() => {
    list.current?.setOptions({ context, isFiltered, isUnfolded, isWrapped, search, times });
  }, [
    context,
    isFiltered,
    isUnfolded,
    isWrapped,
    times,
    search.text,
    search.isRegex,
    search.isCaseSensitive,
    search.isInverted,
  ]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const action = isTyping(event) ? undefined : KEYS[event.key];
      if (action === undefined || event.ctrlKey || event.metaKey || event.altKey || list.current === undefined) return;
      event.preventDefault();
      ACTIONS[action](list.current);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  return (
    <>
      <SearchBar
        input={input}
        state={state}
        status={status}
        change={change}
        onNext={() => list.current?.toHit(1)}
        onPrevious={() => list.current?.toHit(-1)}
      />
      <div class="log-frame">
        <div ref={box} class="list log" data-testid="log" />
        {status.isFollowing ? null : (
          <button type="button" class="pill" data-testid="pill" onClick={() => list.current?.follow()}>
            {status.newLines > 0 ? `${counted(status.newLines, 'new line')} ` : 'To the end '}
            <span aria-hidden="true">↓</span>
          </button>
        )}
        {status.selectedLines > 0 ? (
          <div class="selection-bar" role="toolbar" aria-label="Selected lines">
            <span>{counted(status.selectedLines, 'line')}</span>
            <button type="button" onClick={() => void copy(list.current?.selectedText() ?? '')}>
              Copy
            </button>
            <button
              type="button"
              onClick={() => {
                const offset = list.current?.offset();
                if (offset !== undefined) change({ start: { type: 'offset', offset } });
              }}
            >
              Start here
            </button>
            {isFiltered && search.text !== '' ? (
              <button type="button" onClick={() => change({ isFiltered: false })}>
                Among all lines
              </button>
            ) : null}
            <button type="button" class="quiet" aria-label="Unselect" onClick={() => list.current?.clearSelection()}>
              ✕
            </button>
          </div>
        ) : null}
      </div>
      <p class="log-status muted" data-testid="log-status">
        {statusText(status, isJson)}
      </p>
    </>
  );
}

const ACTIONS = {
  next: (list: LogList) => list.toHit(1),
  previous: (list: LogList) => list.toHit(-1),
  pause: (list: LogList) => list.toggleFollowing(),
  first: (list: LogList) => list.toFirst(),
  end: (list: LogList) => list.follow(),
  fold: (list: LogList) => list.toggleFold(),
};

const KEYS: Readonly<Record<string, keyof typeof ACTIONS>> = {
  n: 'next',
  N: 'previous',
  ' ': 'pause',
  g: 'first',
  G: 'end',
  o: 'fold',
};

/** A key that is meant for a field, or that presses a button. */
function isTyping({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest('input:not([type=checkbox]), textarea, select, dialog') !== null) return true;
  return key === ' ' && target.closest('button, a, summary, [role=button], input') !== null;
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyOld(text);
  }
}

/** Where a page may not write to the clipboard by itself, as without TLS. */
function copyOld(text: string): void {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
