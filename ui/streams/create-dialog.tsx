/** Creates a stream, optionally with settings. */
import { useRef } from 'preact/hooks';
import type { Mount, StreamSettings } from '../../src/client/index.ts';
import { ATOMIC, CONTAINERS, LAG_POLICIES, LISTED_CONTENT_TYPES, READER_BLOCK } from '../../src/protocol/index.ts';
import { parseDuration, parseSize } from '../../src/units/index.ts';
import { Dialog } from '../dialog/dialog.tsx';
import { useAction } from '../dialog/use-action.ts';
import { Failure } from '../failure.tsx';
import type { PageClient } from '../session/page-client.ts';

export interface CreateDialogProps {
  client: PageClient;
  mounts: readonly Mount[];
  onClose: () => void;
  onCreated: (path: string) => void;
}

export function CreateDialog({ client, mounts, onClose, onCreated }: CreateDialogProps) {
  const form = useRef<HTMLFormElement>(null);
  const action = useAction();
  const prefix = directoryOf(mounts[0]?.path ?? '/streamfs');
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(form.current!);
    const text = (name: string) => String(fields.get(name) ?? '').trim();
    void action.run(async () => {
      const path = newStreamPath(text('path'), mounts);
      await client.api.create(path, settingsOf(text));
      onCreated(path);
    });
  };
  return (
    <Dialog title="New stream" onClose={onClose}>
      <form ref={form} onSubmit={submit} class="dialog-form">
        <label class="field">
          <span>Path</span>
          <input name="path" class="mono" defaultValue={prefix} required autofocus spellcheck={false} />
          <small>
            Directories come with the names: {prefix}build/log is in {prefix}build.
          </small>
        </label>
        <details>
          <summary>Settings of this stream</summary>
          <div class="fields">
            <Field name="ring" title="Retained for late joiners" hint="a size, such as 8MB" />
            <Field name="channel" title="Readers may fall behind by" hint="a size, such as 1MB" />
            <Choice name="onLag" title="A reader that is too slow" values={LAG_POLICIES} />
            <Choice name="readerBlock" title="Who may ask for block" values={READER_BLOCK} />
            <Choice name="atomic" title="Lines of several writers" values={ATOMIC} />
            <Choice name="type" title="Content type" values={LISTED_CONTENT_TYPES} />
            <Choice name="container" title="Readers may begin" values={CONTAINERS} />
            <Field name="ttl" title="Expires when idle for" hint="a duration, such as 90s" />
          </div>
          <p class="muted">Empty fields use the settings of the mount.</p>
        </details>
        <Failure error={action.error} />
        <div class="buttons">
          <button type="submit" class="primary" disabled={action.isBusy}>
            Create
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Field({ name, title, hint }: { name: string; title: string; hint: string }) {
  return (
    <label class="field">
      <span>{title}</span>
      <input name={name} placeholder={hint} autocomplete="off" />
    </label>
  );
}

function Choice({ name, title, values }: { name: string; title: string; values: readonly string[] }) {
  return (
    <label class="field">
      <span>{title}</span>
      <select name={name}>
        <option value="">as set for the mount</option>
        {values.map((value) => (
          <option key={value}>{value}</option>
        ))}
      </select>
    </label>
  );
}

/** A mount with a slash at its end. */
function directoryOf(mount: string): string {
  return mount === '/' ? mount : `${mount}/`;
}

/** @throws if it is the name of a directory, or of a place without streams */
function newStreamPath(text: string, mounts: readonly Mount[]): string {
  const path = text.startsWith('/') ? text : `/${text}`;
  const directories = mounts.map((mount) => directoryOf(mount.path));
  if (directories.length > 0 && !directories.some((directory) => path.startsWith(directory))) {
    throw new Error(`${path} is not in a directory for streams. Begin the path with ${directories.join(' or ')}`);
  }
  if (path.endsWith('/')) throw new Error(`${path} is a directory. Add the name of the stream, such as ${path}log`);
  return path;
}

/** @throws for invalid sizes and durations */
function settingsOf(text: (name: string) => string): StreamSettings | undefined {
  const given = <T,>(name: string, read: (value: string) => T): T | undefined =>
    text(name) === '' ? undefined : read(text(name));
  const settings: StreamSettings = {
    ringBufferSize: given('ring', parseSize),
    channelBufferSize: given('channel', parseSize),
    onLag: given('onLag', (value) => value as StreamSettings['onLag']),
    readerBlock: given('readerBlock', (value) => value as StreamSettings['readerBlock']),
    atomic: given('atomic', (value) => value as StreamSettings['atomic']),
    type: given('type', String),
    container: given('container', (value) => value as StreamSettings['container']),
    ttl: given('ttl', parseDuration),
  };
  return Object.values(settings).every((value) => value === undefined) ? undefined : settings;
}
