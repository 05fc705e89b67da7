/** The health of the server, and its readers. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import './health.css';
import type { Health, ServerStats } from '../../src/client/index.ts';
import type { ServerFeed } from '../feed/server-feed.ts';
import { age, clock, count, rate, size } from '../format.ts';
import { printable } from '../printable.ts';
import type { PageClient } from '../session/page-client.ts';
import { Chart } from './chart.tsx';
import { Readers } from './readers.tsx';

const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

export function HealthView({ client, feed }: { client: PageClient; feed: ServerFeed }) {
  useEffect(() => feed.poller.use(), [feed]);
  const health = feed.health.value;
  const { problem, updatedAt } = feed.poller;
  return (
    <div class="health">
      <h1>
        Health{' '}
        {health === undefined ? null : (
          <span class={health.degraded ? 'badge bad' : health.ready ? 'badge good' : 'badge slow'}>
            {health.status}
          </span>
        )}
      </h1>
      {health === undefined ? null : (
        <p class="muted summary">
          StreamFS {health.version} ({health.gitCommit}) · {health.mounts.mounted} of {health.mounts.total} mounts
          {disksOf(health)}
        </p>
      )}
      {problem.value === undefined ? null : problem.value.isForbidden ? (
        <p role="alert">
          Memory, limits and readers are for tokens with the right <code>admin</code> at <code>/**</code>. The server
          says: <q>{printable(problem.value.message)}</q>
        </p>
      ) : (
        <p class="error" role="alert">
          {printable(problem.value.message)}
          {updatedAt.value === undefined ? '' : ` The data is from ${clock(updatedAt.value)}.`}
        </p>
      )}
      <Figures client={client} feed={feed} />
    </div>
  );
}

/** Disks that cannot be written: also shown to callers who may not see the figures. */
function disksOf({ disks }: Health): string {
  if (disks === undefined) return '';
  const { failed, full, total } = disks;
  const texts = [
    full === 0 ? '' : ` · ${full} of ${total} disks full`,
    failed === 0 ? '' : ` · ${failed} of ${total} disks failed`,
  ];
  return texts.join('');
}

function Figures({ client, feed }: { client: PageClient; feed: ServerFeed }) {
  const stats = feed.stats.value;
  if (stats === undefined) return null;
  const { memory, process } = stats;
  const { received, delivered, memory: used, delay } = feed.history.value;
  const reached = Object.entries(stats.limits).filter(([, times]) => times > 0);
  const uptime = Date.now() + client.watch.clockAhead - Date.parse(process.started_at);
  const share = memory.limit > 0 ? memory.used / memory.limit : undefined;
  return (
    <>
      <Problems stats={stats} />
      <div class="tiles">
        <Tile
          title="In"
          value={rate(received.values.at(-1) ?? undefined)}
          about={`${size(stats.totals.received)} so far`}
        >
          <Chart label="Bytes a second in, over the last minutes" history={received} format={size} isBytes />
        </Tile>
        <Tile
          title="Out"
          value={rate(delivered.values.at(-1) ?? undefined)}
          about={`${size(stats.totals.delivered)} so far, ${size(stats.totals.skipped)} lost by readers`}
        >
          <Chart label="Bytes a second out, over the last minutes" history={delivered} format={size} isBytes />
        </Tile>
        <Tile
          title="Memory"
          value={size(memory.used)}
          about={
            share === undefined
              ? `no limit; ${size(memory.peak)} at most so far`
              : `${Math.round(share * 100)} % of ${size(memory.limit)}; ${size(memory.given_up)} of history given up`
          }
        >
          <Chart label="Memory in use, over the last minutes" history={used} format={size} isBytes />
        </Tile>
        <Tile
          title="Event loop"
          value={milliseconds(process.event_loop_delay_ms)}
          about="longest delay of the last second"
        >
          <Chart label="Delay of the event loop, over the last minutes" history={delay} format={milliseconds} />
        </Tile>
      </div>
      <dl class="facts counts">
        <Count name="Streams" value={count(stats.streams)} />
        <Count name="Readers" value={count(stats.readers)} />
        <Count name="Connections" value={count(stats.connections)} />
        <Count name="Handles" value={count(stats.handles)} />
        <Count name="Process" value={size(process.resident)} />
        <Count name="Running for" value={age(Math.max(0, uptime))} />
        {stats.disks.map(({ backlog, bytes, path, state }) => (
          <div key={path}>
            <dt>Disk of {printable(path)}</dt>
            <dd>
              {size(bytes)}
              {backlog > 0 ? `, ${size(backlog)} still to be written` : ''}{' '}
              {state === 'ok' ? null : <span class={state === 'full' ? 'badge slow' : 'badge bad'}>{state}</span>}
            </dd>
          </div>
        ))}
        {stats.logs.map(({ connected, log, path, waiting }) => (
          <div key={path}>
            <dt>Log of {printable(path)}</dt>
            <dd>
              {printable(log)}
              {waiting > 0 ? `, ${size(waiting)} wait for it` : ''}
              {connected ? null : <span class="badge slow">away</span>}
            </dd>
          </div>
        ))}
        <div class="limits">
          <dt>Limits reached</dt>
          <dd>
            {reached.length === 0
              ? 'none'
              : reached.map(([name, times]) => (
                  <span class="badge slow" key={name}>
                    {name} {count(times)}×
                  </span>
                ))}
          </dd>
        </div>
      </dl>
      <Readers client={client} feed={feed} />
    </>
  );
}

/** The reasons why streams of a mount cannot be written, or are not durable. */
function Problems({ stats: { disks, logs } }: { stats: ServerStats }) {
  const ofDisks = disks.map(({ path, problem }) => ({ what: `Disk of ${path}`, problem }));
  const ofLogs = logs.map(({ path, problem }) => ({ what: `Log of ${path}`, problem }));
  return [...ofDisks, ...ofLogs].map(({ problem, what }) =>
    problem === undefined ? null : (
      <p class="error" role="alert" key={what}>
        {printable(what)}: {printable(problem)}
      </p>
    ),
  );
}

interface TileProps {
  title: string;
  value: string;
  about: string;
  children: ComponentChildren;
}

function Tile({ title, value, about, children }: TileProps) {
  return (
    <section class="tile" aria-label={title}>
      <h2>{title}</h2>
      <p class="value">{value}</p>
      <p class="muted">{about}</p>
      {children}
    </section>
  );
}

function Count({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
