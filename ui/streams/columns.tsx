/** The columns of the list of streams. */

import type { ReadonlySignal } from '@preact/signals';
import { OCTET_STREAM } from '../../src/protocol/index.ts';
import type { StreamsFeed } from '../feed/streams-feed.ts';
import { age, count, rate, size } from '../format.ts';
import { streamHash } from '../hash.ts';
import { printable } from '../printable.ts';
import { Sparkline } from '../sparkline.tsx';
import type { Column } from '../table/column.ts';
import type { Line } from './lines.ts';

/** Generations of one server share a prefix; this many characters at the end distinguish streams. */
const DISTINCT = -8;

export interface ColumnContext {
  feed: StreamsFeed;
  /** Milliseconds since 1970, by the server's clock, at the time of the latest poll. */
  now: ReadonlySignal<number>;
  onToggle: (path: string) => void;
  onDetails: (line: Line) => void;
}

export function streamColumns({ feed, now, onToggle, onDetails }: ColumnContext): readonly Column<Line>[] {
  return [
    {
      id: 'path',
      title: 'Stream',
      width: 'minmax(200px, 3fr)',
      sortBy: ({ path }) => path,
      render: (line) => <Name line={line} onToggle={onToggle} />,
    },
    {
      id: 'state',
      title: 'State',
      width: '112px',
      narrow: '',
      sortBy: ({ state }) => state,
      render: (line) => <State line={line} />,
    },
    {
      id: 'activity',
      title: 'Activity',
      width: '96px',
      from: 1240,
      render: ({ path, directory }) => (directory === undefined ? <Activity feed={feed} path={path} /> : null),
    },
    {
      id: 'incoming',
      title: 'In',
      width: '86px',
      isNumber: true,
      narrow: 'in',
      sortBy: ({ incoming }) => incoming,
      render: ({ incoming }) => <span class={(incoming ?? 0) >= 0.5 ? '' : 'muted'}>{rate(incoming)}</span>,
    },
    {
      id: 'outgoing',
      title: 'Out',
      width: '86px',
      from: 1020,
      isNumber: true,
      sortBy: ({ outgoing }) => outgoing,
      render: ({ outgoing }) => <span class={(outgoing ?? 0) >= 0.5 ? '' : 'muted'}>{rate(outgoing)}</span>,
    },
    {
      id: 'readers',
      title: 'Readers',
      width: '62px',
      isNumber: true,
      narrow: 'readers',
      sortBy: ({ readers }) => readers,
      render: ({ readers }) => <span class={readers > 0 ? '' : 'muted'}>{count(readers)}</span>,
    },
    {
      id: 'lag',
      title: 'Largest lag',
      width: '84px',
      isNumber: true,
      sortBy: ({ lag }) => lag,
      render: ({ lag }) => <span class={lag > 0 ? 'warn' : 'muted'}>{lag > 0 ? size(lag) : '0'}</span>,
    },
    {
      id: 'lost',
      title: 'Lost',
      width: '72px',
      from: 834,
      isNumber: true,
      sortBy: ({ lost }) => lost,
      render: ({ lost }) => <span class={lost > 0 ? 'error' : 'muted'}>{lost > 0 ? size(lost) : '0'}</span>,
    },
    {
      id: 'size',
      title: 'Size',
      width: '76px',
      from: 922,
      isNumber: true,
      narrow: '',
      sortBy: (line) => line.size,
      render: (line) => size(line.size),
    },
    {
      id: 'age',
      title: 'Last write',
      width: '76px',
      isNumber: true,
      narrow: '',
      sortBy: ({ writtenAt }) => writtenAt,
      render: ({ writtenAt }) => (writtenAt === 0 ? null : <Age since={writtenAt} now={now} />),
    },
    {
      id: 'type',
      title: 'Type',
      width: 'minmax(100px, 1.2fr)',
      from: 1132,
      sortBy: ({ type }) => type,
      render: ({ type, directory }) => (directory === undefined ? <Type type={type} /> : null),
    },
    {
      id: 'generation',
      title: 'Generation',
      width: '76px',
      from: 1328,
      sortBy: ({ generation }) => generation,
      render: ({ generation }) => (
        <span class="mono muted" title={generation}>
          {generation.slice(DISTINCT)}
        </span>
      ),
    },
    {
      id: 'actions',
      title: '',
      width: '34px',
      narrow: '',
      render: (line) =>
        line.directory === undefined ? (
          <button
            type="button"
            class="quiet"
            aria-label={`Details of ${printable(line.path)}`}
            onClick={() => onDetails(line)}
          >
            ⋯
          </button>
        ) : null,
    },
  ];
}

function Name({ line, onToggle }: { line: Line; onToggle: (path: string) => void }) {
  const { path, name, depth, directory } = line;
  if (directory === undefined) {
    // Names often share a prefix: if space is short, the directories are truncated before the last part.
    const leafAt = name.lastIndexOf('/') + 1;
    const whole = printable(path);
    return (
      <bdi class={depth === 0 ? '' : 'stream-leaf-line'} style={indent(depth)}>
        <a class="stream-name" href={streamHash(path)} tabIndex={-1} title={whole} aria-label={printable(name)}>
          {leafAt === 0 ? null : <span class="stream-directory">{printable(name.slice(0, leafAt))}</span>}
          <span class="stream-leaf">{printable(name.slice(leafAt))}</span>
        </a>
      </bdi>
    );
  }
  return (
    <bdi class="directory-line" style={indent(depth)}>
      <button
        type="button"
        class="quiet fold"
        tabIndex={-1}
        aria-expanded={directory.isOpen}
        onClick={() => onToggle(path)}
      >
        <span aria-hidden="true">{directory.isOpen ? '▾' : '▸'}</span> {printable(name)}/
      </button>
      <span class="muted">{count(directory.count)}</span>
    </bdi>
  );
}

/** At any depth, half of the column is reserved for the name. */
function indent(depth: number) {
  return { paddingInlineStart: depth === 0 ? undefined : `min(${depth * 18}px, 50%)` };
}

function State({ line: { state, endStatus, directory, readers, incoming } }: { line: Line }) {
  if (directory !== undefined) return null;
  if (state !== 'open') {
    const text = endStatus === undefined ? state : `${state}: ${printable(endStatus)}`;
    return (
      <span class="badge" title={text}>
        {text}
      </span>
    );
  }
  const isActive = (incoming ?? 0) >= 0.5;
  return (
    <span class={isActive ? 'badge good' : 'badge quiet'}>{isActive ? 'live' : readers > 0 ? 'read' : 'idle'}</span>
  );
}

function Activity({ feed, path }: { feed: StreamsFeed; path: string }) {
  // The history changes with each poll.
  feed.poller.updatedAt.value;
  return <Sparkline history={feed.activity.get(path)} />;
}

function Age({ since, now }: { since: number; now: ReadonlySignal<number> }) {
  return <span>{age(Math.max(0, now.value - since))}</span>;
}

function Type({ type }: { type: string }) {
  return (
    <span class="muted" title={printable(type)}>
      {type === OCTET_STREAM ? 'bytes' : printable(type)}
    </span>
  );
}
