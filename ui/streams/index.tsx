/** All streams, live. */
import { signal, useComputed } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import './streams.css';
import { Copyable } from '../dialog/copyable.tsx';
import type { StreamRow } from '../feed/stream-row.ts';
import type { StreamsFeed } from '../feed/streams-feed.ts';
import { FilterField } from '../filter/filter-field.tsx';
import { clock, count, counted, rate, size } from '../format.ts';
import { streamHash } from '../hash.ts';
import { isNarrow } from '../narrow.ts';
import { printable } from '../printable.ts';
import { here, replaceState } from '../routing.ts';
import type { PageClient } from '../session/page-client.ts';
import { token } from '../session/token.ts';
import type { Sort } from '../table/sort.ts';
import { Table } from '../table/table.tsx';
import { streamColumns } from './columns.tsx';
import { curlWriteCommand, writeCommand } from './commands.ts';
import { CreateDialog } from './create-dialog.tsx';
import { DetailsDialog } from './details-dialog.tsx';
import { filtered, type Line, listLines, treeLines } from './lines.ts';

const DEFAULT_SORT: Sort = { column: 'path', descending: false };

/** Folded directories: they stay folded while a stream is open. */
const closed = signal<ReadonlySet<string>>(new Set());

/** The number of streams shown, and of all streams if the list is filtered. */
function howMany(shown: number, all: number): string {
  return shown === all ? count(all) : `${count(shown)} of ${count(all)}`;
}

export function StreamsView({ client, feed }: { client: PageClient; feed: StreamsFeed }) {
  useEffect(() => feed.poller.use(), [feed]);
  const [shown, setShown] = useState<string>();
  const [isCreating, setCreating] = useState(false);
  const { state } = here.value;
  const rows = feed.rows.value;
  const mounts = feed.mounts.value;
  const filter = state.get('q') ?? '';
  const isTree = state.get('as') === 'tree';
  const sort = sortOf(state);

  const now = useComputed(() => (feed.poller.updatedAt.value ?? 0) + client.watch.clockAhead);
  const showDetails = ({ path }: Line) => setShown(path);
  const columns = useMemo(() => streamColumns({ feed, now, onToggle: toggle, onDetails: showDetails }), [feed, now]);
  const keyOf = columns.find(({ id }) => id === sort.column)?.sortBy as ((row: StreamRow) => string) | undefined;
  const order = { keyOf: keyOf ?? (({ path }: StreamRow) => path), descending: sort.descending };
  const matching = filtered(rows, filter);
  const lines = isTree ? treeLines(matching, order, closed.value) : listLines(matching, order);
  const open = (line: Line) => {
    if (line.directory === undefined) location.hash = streamHash(line.path);
    else toggle(line.path);
  };
  const shownRow = shown === undefined ? undefined : rows.find(({ path }) => path === shown);
  const isFirst = useComputed(() => feed.poller.updatedAt.value === undefined).value;
  return (
    <div class="fill streams">
      <div class="toolbar">
        <h1>
          Streams <span class="muted">{isFirst ? '' : howMany(matching.length, rows.length)}</span>
        </h1>
        <FilterField
          label="Filter streams by words of their path, type or state"
          value={filter}
          onChange={(value) => replaceState({ q: value || undefined })}
        />
        <fieldset class="switch" aria-label="Show as">
          {(['list', 'tree'] as const).map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={isTree === (each === 'tree')}
              onClick={() => replaceState({ as: each === 'tree' ? 'tree' : undefined })}
            >
              {each === 'tree' ? 'Tree' : 'List'}
            </button>
          ))}
        </fieldset>
        {isNarrow.value ? <SortChoice sort={sort} titles={columns} /> : null}
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          New stream
        </button>
      </div>
      <Summary feed={feed} rows={matching} />
      <Table
        label="Streams"
        columns={columns}
        rows={lines}
        keyOf={({ path, directory }) => (directory === undefined ? path : `${path}/`)}
        sort={sort}
        onSort={setSort}
        onOpen={open}
        onDetails={showDetails}
        empty={
          isFirst ? null : rows.length > 0 ? (
            <p class="nothing">
              No stream has <q>{printable(filter)}</q> in its path, type or state.{' '}
              <button type="button" onClick={() => replaceState({ q: undefined })}>
                Show all
              </button>
            </p>
          ) : (
            <FirstSteps client={client} mount={mounts[0]?.path} onCreate={() => setCreating(true)} />
          )
        }
      />
      {isCreating ? (
        <CreateDialog
          client={client}
          mounts={mounts}
          onClose={() => setCreating(false)}
          onCreated={(path) => {
            setCreating(false);
            location.hash = streamHash(path);
          }}
        />
      ) : null}
      {shownRow === undefined ? null : (
        <DetailsDialog
          client={client}
          row={shownRow}
          onClose={() => setShown(undefined)}
          onChanged={() => feed.poller.refresh()}
        />
      )}
    </div>
  );
}

/** The totals of the streams that are shown, and the time of the data if it is not current. */
function Summary({ feed, rows }: { feed: StreamsFeed; rows: readonly StreamRow[] }) {
  const { problem, updatedAt } = feed.poller;
  if (problem.value !== undefined) {
    return (
      <p class="error summary" role="alert">
        {printable(problem.value.message).replace(/[.!?]?$/, '.')}
        {updatedAt.value === undefined ? '' : ` The data is from ${clock(updatedAt.value)}.`}
      </p>
    );
  }
  if (updatedAt.value === undefined) return <p class="muted summary">Looking…</p>;
  const known = rows.filter(({ incoming }) => incoming !== undefined);
  const incoming = known.length === 0 ? undefined : known.reduce((sum, row) => sum + row.incoming!, 0);
  const outgoing = known.length === 0 ? undefined : known.reduce((sum, row) => sum + (row.outgoing ?? 0), 0);
  const readers = rows.reduce((sum, row) => sum + row.readers, 0);
  const memory = rows.reduce((sum, row) => sum + row.memory, 0);
  const failed = feed.mounts.value.filter(({ status }) => status === 'failed');
  return (
    <p class="muted summary">
      {rate(incoming)} in · {rate(outgoing)} out · {counted(readers, 'reader')} · {size(memory)} of memory
      {failed.map(({ path, error }) => (
        <span class="error" key={path}>
          {' '}
          · {path} failed to start: {printable(error ?? '')}
        </span>
      ))}
    </p>
  );
}

interface FirstStepsProps {
  client: PageClient;
  mount: string | undefined;
  onCreate: () => void;
}

/** Suggestions for an empty list. */
function FirstSteps({ client, mount, onCreate }: FirstStepsProps) {
  if (mount === undefined) {
    return <p class="nothing">No mount with streams exists, or this token cannot see one.</p>;
  }
  const path = `${mount === '/' ? '' : mount}/hello`;
  const context = { url: client.origin, needsToken: token.value !== undefined };
  return (
    <div class="first-steps">
      <h2>There are no streams yet</h2>
      <p>A stream is created by writing to it or by reading it: a reader sees everything written from then on.</p>
      <Copyable label="Write something, in a shell" text={writeCommand('date', path, context)} />
      <Copyable label="Or with curl" text={curlWriteCommand('date', path, context)} />
      <Copyable label="Continuous output" text={curlWriteCommand('ping localhost', path, context)} />
      <p>It appears here as soon as it is written to.</p>
      <button type="button" onClick={onCreate}>
        Or make one here
      </button>
    </div>
  );
}

function SortChoice({
  sort,
  titles,
}: {
  sort: Sort;
  titles: readonly { id: string; title: string; sortBy?: unknown }[];
}) {
  const value = `${sort.column} ${sort.descending ? 'down' : 'up'}`;
  return (
    <select
      aria-label="Sort by"
      value={value}
      onChange={(event) => {
        const [column = '', way] = event.currentTarget.value.split(' ');
        setSort({ column, descending: way === 'down' });
      }}
    >
      {titles
        .filter(({ sortBy }) => sortBy !== undefined)
        .flatMap(({ id, title }) => [
          <option key={`${id} up`} value={`${id} up`}>
            {title} ↑
          </option>,
          <option key={`${id} down`} value={`${id} down`}>
            {title} ↓
          </option>,
        ])}
    </select>
  );
}

function sortOf(state: URLSearchParams): Sort {
  const [column, way] = (state.get('sort') ?? '').split(' ');
  return column ? { column, descending: way === 'down' } : DEFAULT_SORT;
}

function setSort({ column, descending }: Sort): void {
  const isDefault = column === DEFAULT_SORT.column && descending === DEFAULT_SORT.descending;
  replaceState({ sort: isDefault ? undefined : `${column} ${descending ? 'down' : 'up'}` });
}

function toggle(path: string): void {
  const next = new Set(closed.value);
  if (!next.delete(path)) next.add(path);
  closed.value = next;
}
