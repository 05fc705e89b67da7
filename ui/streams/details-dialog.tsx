/** A stream: its properties, commands for it, and the actions on it. */
import { useState } from 'preact/hooks';
import { Copyable } from '../dialog/copyable.tsx';
import { Dialog } from '../dialog/dialog.tsx';
import { useAction } from '../dialog/use-action.ts';
import { Failure } from '../failure.tsx';
import type { StreamRow } from '../feed/stream-row.ts';
import { count, counted, size } from '../format.ts';
import { LinkMaker } from '../links/link-maker.tsx';
import { printable } from '../printable.ts';
import type { PageClient } from '../session/page-client.ts';
import { token } from '../session/token.ts';
import { WriteForm } from '../write/write-form.tsx';
import { commandsFor } from './commands.ts';

export interface DetailsDialogProps {
  client: PageClient;
  row: StreamRow;
  onClose: () => void;
  /** Called after an action that changes the list. */
  onChanged: () => void;
}

type Part = 'facts' | 'write' | 'link' | 'end' | 'remove';

const PARTS: readonly { id: Part; title: string }[] = [
  { id: 'facts', title: 'Overview' },
  { id: 'write', title: 'Write' },
  { id: 'link', title: 'Link' },
  { id: 'end', title: 'End' },
  { id: 'remove', title: 'Remove' },
];

export function DetailsDialog({ client, row, onClose, onChanged }: DetailsDialogProps) {
  const [part, setPart] = useState<Part>('facts');
  return (
    <Dialog title={<bdi class="mono">{printable(row.path)}</bdi>} onClose={onClose}>
      <nav class="parts" aria-label="What to do">
        {PARTS.map(({ id, title }) => (
          <button
            type="button"
            key={id}
            class="quiet"
            aria-current={part === id ? 'true' : undefined}
            onClick={() => setPart(id)}
          >
            {title}
          </button>
        ))}
      </nav>
      {part === 'facts' ? <Overview client={client} row={row} /> : null}
      {part === 'write' ? <WriteForm client={client} path={row.path} onWritten={onChanged} /> : null}
      {part === 'link' ? <LinkMaker client={client} path={row.path} /> : null}
      {part === 'end' ? <End client={client} row={row} onDone={onChanged} /> : null}
      {part === 'remove' ? (
        <Remove
          client={client}
          row={row}
          onKeep={onClose}
          onDone={() => {
            onChanged();
            onClose();
          }}
        />
      ) : null}
    </Dialog>
  );
}

function Overview({ client, row }: { client: PageClient; row: StreamRow }) {
  const { facts } = row;
  const commands = commandsFor(row.path, {
    url: client.origin,
    type: row.type,
    needsToken: token.value !== undefined,
  });
  return (
    <>
      <dl class="facts">
        <Fact name="State" value={row.endStatus === undefined ? row.state : `${row.state}: ${row.endStatus}`} />
        <Fact name="Written" value={size(row.size)} />
        <Fact name="Retained" value={`${size(row.retained)} from ${count(Number(facts.start_offset ?? 0))}`} />
        <Fact name="Readers" value={count(row.readers)} />
        <Fact name="Largest lag" value={size(row.lag)} />
        <Fact name="Lost by readers" value={size(row.lost)} />
        <Fact name="Memory" value={size(row.memory)} />
        {facts.disk_bytes === undefined ? null : <Fact name="On disk" value={size(Number(facts.disk_bytes))} />}
        <Fact name="Ring" value={size(Number(facts.ring_buffer_size ?? 0))} />
        <Fact name="Readers may lag" value={size(Number(facts.channel_buffer_size ?? 0))} />
        <Fact name="Too slow" value={facts.on_lag ?? ''} />
        <Fact name="Type" value={row.type} />
        <Fact name="Expires" value={facts.ttl === '0s' ? 'never' : (facts.ttl ?? '')} />
        <Fact name="Generation" value={row.generation} />
      </dl>
      <section aria-label="Commands">
        {commands.map(({ label, text }) => (
          <Copyable key={label} label={label} text={text} />
        ))}
      </section>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{printable(value)}</dd>
    </div>
  );
}

function End({ client, row, onDone }: { client: PageClient; row: StreamRow; onDone: () => void }) {
  const action = useAction();
  const [status, setStatus] = useState('');
  const [isDone, setDone] = useState(row.state !== 'open');
  if (isDone) return <p role="status">It has ended. Its retained bytes can still be read.</p>;
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      await client.api.end(row.path, { status: status.trim() === '' ? undefined : status.trim() });
      setDone(true);
      onDone();
    });
  };
  return (
    <form class="dialog-form" onSubmit={submit}>
      <p>
        Nothing can be written to it after that. Its {counted(row.readers, 'reader gets', 'readers get')} the remaining
        bytes and the end.
      </p>
      <label class="field">
        <span>How it ended</span>
        <input
          value={status}
          placeholder="such as exit 0; may be left empty"
          onInput={(event) => setStatus(event.currentTarget.value)}
        />
      </label>
      <Failure error={action.error} />
      <div class="buttons">
        <button type="submit" class="danger" disabled={action.isBusy}>
          End the stream
        </button>
      </div>
    </form>
  );
}

interface RemoveProps {
  client: PageClient;
  row: StreamRow;
  onDone: () => void;
  onKeep: () => void;
}

function Remove({ client, row, onDone, onKeep }: RemoveProps) {
  const action = useAction();
  return (
    <div class="dialog-form">
      <p>
        Its {size(row.retained)} are gone then, and its {counted(row.readers, 'reader gets', 'readers get')} the end. A
        stream that is made at this path later is another one.
      </p>
      <Failure error={action.error} />
      <div class="buttons">
        <button
          type="button"
          class="danger"
          disabled={action.isBusy}
          onClick={() =>
            void action.run(async () => {
              await client.api.remove(row.path);
              onDone();
            })
          }
        >
          Remove {printable(row.path)}
        </button>
        <button type="button" onClick={onKeep}>
          Keep it
        </button>
      </div>
    </div>
  );
}
