/** A stream as lines: the list, the search, and actions. Also for JSON, with one value per row. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { counted } from '../../format.ts';
import { charsetOf } from '../choose-view.ts';
import { EmptyState } from '../connection/empty-state.tsx';
import type { RecordSink } from '../connection/reading-session.ts';
import { type Source, useReading } from '../source.ts';
import { JsonSplitter } from '../text/json-splitter.ts';
import { LineSplitter } from '../text/line-splitter.ts';
import { listenToViewKeys } from '../view-keys.ts';
import type { ViewState } from '../view-state.ts';
import { LogList, type LogStatus, statusText } from './log-list.ts';
import { SearchBar } from './search-bar.tsx';

export interface LogViewProps {
  source: Source;
  isJson: boolean;
  state: ViewState;
  change: (change: Partial<ViewState>) => void;
  /** Called with the first bytes of a stream that was empty. */
  onFirstBytes: (bytes: Uint8Array) => void;
}

const NOTHING: LogStatus = {
  isFollowing: true,
  newLines: 0,
  droppedLines: 0,
  lines: 0,
  isEmpty: true,
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
    const on = (action: (each: LogList) => void) => () => {
      if (list.current !== undefined) action(list.current);
    };
    return listenToViewKeys({
      n: on((each) => each.toHit(1)),
      N: on((each) => each.toHit(-1)),
      ' ': on((each) => each.toggleFollowing()),
      g: on((each) => each.toFirst()),
      G: on((each) => each.follow()),
      o: on((each) => each.toggleFold()),
    });
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
        {status.isEmpty ? <EmptyState reading={source.reading} /> : null}
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

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
}

/** For pages that cannot use the clipboard API, such as those without TLS. */
function copyBySelection(text: string): void {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
