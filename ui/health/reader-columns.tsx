/** The columns of the list of readers. */
import type { ReaderRow } from '../feed/server-feed.ts';
import { age, rate, seconds, size } from '../format.ts';
import { streamHash } from '../hash.ts';
import { printable } from '../printable.ts';
import type { Column } from '../table/column.ts';

export interface ReaderColumnContext {
  /** Milliseconds since 1970, by the server's clock. */
  now: number;
  /** The key of the reader whose disconnection must be confirmed. */
  asked: string | undefined;
  onKick: (reader: ReaderRow) => void;
}

/** Servers that share a log give the same ids to different readers. */
export function keyOfReader({ id, node }: ReaderRow): string {
  return `${id} ${node ?? ''}`;
}

export function readerColumns({ now, asked, onKick }: ReaderColumnContext): readonly Column<ReaderRow>[] {
  return [
    {
      id: 'path',
      title: 'Stream',
      width: 'minmax(180px, 2fr)',
      sortBy: ({ path }) => path,
      render: ({ path }) => (
        <bdi>
          <a class="stream-name" href={streamHash(path)} tabIndex={-1} title={printable(path)}>
            {printable(path)}
          </a>
        </bdi>
      ),
    },
    {
      id: 'address',
      title: 'Reader',
      width: 'minmax(150px, 1fr)',
      narrow: '',
      sortBy: ({ address }) => address ?? undefined,
      render: ({ address, id }) => <span class="mono">{address ?? `reader ${id}`}</span>,
    },
    {
      id: 'state',
      title: 'State',
      width: '92px',
      narrow: '',
      sortBy: ({ state }) => state,
      render: ({ state }) => <span class={`badge ${STATE_CLASSES[state] ?? ''}`}>{state}</span>,
    },
    {
      id: 'kind',
      title: 'By',
      width: '84px',
      from: 1200,
      sortBy: ({ kind }) => kind,
      render: ({ kind }) => <span class="muted">{kind}</span>,
    },
    {
      id: 'policy',
      title: 'When slow',
      width: '96px',
      from: 1310,
      sortBy: ({ policy }) => policy,
      render: ({ policy }) => <span class="muted">{policy}</span>,
    },
    {
      id: 'lag',
      title: 'Lag',
      width: '150px',
      isNumber: true,
      narrow: 'lag',
      sortBy: ({ lag }) => lag,
      render: (reader) => <Lag reader={reader} />,
    },
    {
      id: 'rate',
      title: 'Rate',
      width: '92px',
      from: 930,
      isNumber: true,
      sortBy: (reader) => reader.rate,
      render: (reader) => rate(reader.rate),
    },
    {
      id: 'bytes',
      title: 'Delivered',
      width: '88px',
      from: 1024,
      isNumber: true,
      sortBy: ({ bytes }) => bytes,
      render: ({ bytes }) => size(bytes),
    },
    {
      id: 'lost',
      title: 'Lost',
      width: '84px',
      isNumber: true,
      narrow: 'lost',
      sortBy: ({ skipped_bytes }) => skipped_bytes,
      render: ({ skipped_bytes: lost }) => (
        <span class={lost > 0 ? 'error' : 'muted'}>{lost > 0 ? size(lost) : '0'}</span>
      ),
    },
    {
      id: 'since',
      title: 'For',
      width: '64px',
      from: 1102,
      isNumber: true,
      sortBy: ({ since }) => -Date.parse(since),
      render: ({ since }) => age(Math.max(0, now - Date.parse(since))),
    },
    {
      id: 'actions',
      title: '',
      width: '86px',
      narrow: '',
      render: (reader) => {
        const { address, id, path } = reader;
        const isAsked = asked === keyOfReader(reader);
        return (
          <button
            type="button"
            class={isAsked ? 'danger small' : 'small'}
            aria-label={`${isAsked ? 'Really kick' : 'Kick'} ${address ?? `reader ${id}`} of ${printable(path)}`}
            onClick={() => onKick(reader)}
          >
            {isAsked ? 'Really?' : 'Kick'}
          </button>
        );
      },
    },
  ];
}

const STATE_CLASSES: Readonly<Record<string, string>> = { live: 'good', stalled: 'bad', 'catching-up': 'slow' };

/** The lag as a share of the allowed lag. */
function Lag({ reader: { allowed_lag: allowed, behind, lag } }: { reader: ReaderRow }) {
  if (lag === 0) return <span class="muted">0</span>;
  const share = allowed > 0 ? Math.min(1, lag / allowed) : 1;
  return (
    <span class="lag">
      <meter
        min={0}
        max={1}
        low={0.5}
        high={0.8}
        optimum={0}
        value={share}
        aria-label={`${Math.round(share * 100)} % of the allowed lag`}
      />
      <span class={share > 0.8 ? 'error' : 'warn'} title="Its lag, and the time in which those bytes were written">
        {size(lag)}
        {behind === undefined || behind < 100 ? null : `, ${seconds(behind)}`}
      </span>
    </span>
  );
}
