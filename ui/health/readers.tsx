/** The readers: which are slow, what each has lost, and a button to disconnect one. */
import { useState } from 'preact/hooks';
import { isClientError } from '../../src/client/index.ts';
import { Failure } from '../failure.tsx';
import { problemOf } from '../feed/poller.ts';
import type { ReaderRow, ServerFeed } from '../feed/server-feed.ts';
import { FilterField } from '../filter/filter-field.tsx';
import { count, counted } from '../format.ts';
import { streamHash } from '../hash.ts';
import { printable } from '../printable.ts';
import type { PageClient } from '../session/page-client.ts';
import type { Sort } from '../table/sort.ts';
import { sorted } from '../table/sort.ts';
import { Table } from '../table/table.tsx';
import { keyOfReader, readerColumns } from './reader-columns.tsx';

export function Readers({ client, feed }: { client: PageClient; feed: ServerFeed }) {
  const [sort, setSort] = useState<Sort>({ column: 'lag', descending: true });
  const [filter, setFilter] = useState('');
  const [asked, setAsked] = useState<string>();
  const [error, setError] = useState<string>();
  const rows = feed.readers.value;
  const total = feed.readerCount.value;
  const node = feed.node.value;

  const kick = async (reader: ReaderRow) => {
    setError(undefined);
    if (asked !== keyOfReader(reader)) return setAsked(keyOfReader(reader));
    setAsked(undefined);
    try {
      await client.api.kick(reader.id, { node: reader.node });
    } catch (failure) {
      const { message } = problemOf(failure);
      const isOtherNode = isClientError(failure, 'NODE_DIFFERS');
      setError(isOtherNode ? `${message}. To kick it, open this page at the address of that node.` : message);
    }
    feed.poller.refresh();
  };

  const columns = readerColumns({
    now: Date.now() + client.watch.clockAhead,
    asked,
    onKick: (reader) => void kick(reader),
  });
  const keyOf = columns.find(({ id }) => id === sort.column)?.sortBy ?? (({ id }: ReaderRow) => id);
  const wanted = filter.toLowerCase();
  const matching = rows.filter(({ path, address, state }) =>
    `${path}\n${address}\n${state}`.toLowerCase().includes(wanted),
  );
  const lost = rows.filter(({ skipped_bytes }) => skipped_bytes > 0).length;
  const stalled = rows.filter(({ state }) => state === 'stalled').length;
  return (
    <section class="readers">
      <div class="toolbar">
        <h2>
          Readers <span class="muted">{count(total)}</span>
          {node === undefined ? null : <span class="muted"> of node {printable(node)}</span>}
        </h2>
        <FilterField label="Filter readers by stream, address or state" value={filter} onChange={setFilter} />
      </div>
      <p class="muted summary">
        {counted(stalled, 'reader takes', 'readers take')} nothing · {counted(lost, 'has', 'have')} lost something
        {rows.length < total ? ` · the oldest ${count(rows.length)} are shown` : ''}
      </p>
      <Failure error={error} />
      <Table
        label="Readers"
        columns={columns}
        rows={sorted(matching, keyOf, sort.descending)}
        keyOf={keyOfReader}
        sort={sort}
        onSort={setSort}
        onOpen={({ path }) => {
          location.hash = streamHash(path);
        }}
        empty={<p class="nothing">{rows.length === 0 ? 'Nobody reads.' : 'No reader is like that.'}</p>}
      />
    </section>
  );
}
