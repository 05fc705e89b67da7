/** Writes a line or a file into a stream. */
import { useEffect, useRef, useState } from 'preact/hooks';
import './write.css';
import { Failure } from '../failure.tsx';
import { problemOf } from '../feed/poller.ts';
import { size } from '../format.ts';
import type { PageClient } from '../session/page-client.ts';
import { upload } from './upload.ts';

export interface WriteFormProps {
  client: PageClient;
  path: string;
  onWritten?: (() => void) | undefined;
}

type State =
  | { kind: 'idle' }
  | { kind: 'writing'; written: number; of: number }
  | { kind: 'done'; written: number }
  | { kind: 'cancelled'; written: number }
  | { kind: 'failed'; message: string };

export function WriteForm({ client, path, onWritten }: WriteFormProps) {
  const [state, setState] = useState<State>({ kind: 'idle' });
  const [text, setText] = useState('');
  const [withNewline, setWithNewline] = useState(true);
  const working = useRef<AbortController | undefined>(undefined);
  const file = useRef<HTMLInputElement>(null);
  useEffect(() => () => working.current?.abort(), []);

  const write = async (source: Blob): Promise<boolean> => {
    const cancelling = new AbortController();
    working.current = cancelling;
    let written = 0;
    setState({ kind: 'writing', written, of: source.size });
    try {
      await upload(client.api, path, source, {
        signal: cancelling.signal,
        onProgress(bytes) {
          written = bytes;
          setState({ kind: 'writing', written, of: source.size });
        },
      });
      setState({ kind: 'done', written });
      return true;
    } catch (error) {
      if (cancelling.signal.aborted) setState({ kind: 'cancelled', written });
      else setState({ kind: 'failed', message: problemOf(error).message });
      return false;
    } finally {
      onWritten?.();
    }
  };

  const isWriting = state.kind === 'writing';
  const submitText = async (event: Event) => {
    event.preventDefault();
    if (isWriting || text === '') return;
    if (await write(new Blob([withNewline ? `${text}\n` : text]))) setText('');
  };
  const submitFile = () => {
    const chosen = file.current?.files?.[0];
    if (chosen !== undefined) void write(chosen);
  };

  return (
    <div class="write">
      <form onSubmit={submitText}>
        <label class="field">
          <span>Text</span>
          <textarea
            rows={2}
            autofocus
            value={text}
            spellcheck={false}
            class="mono"
            placeholder="a line; Enter writes it, Shift+Enter starts another"
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) void submitText(event);
            }}
          />
        </label>
        <div class="buttons">
          <button type="submit" class="primary" disabled={isWriting || text === ''}>
            Write
          </button>
          <label class="check">
            <input type="checkbox" checked={withNewline} onChange={() => setWithNewline(!withNewline)} /> with a newline
          </label>
        </div>
      </form>
      <div class="buttons">
        <label class="field">
          <span>Or a file</span>
          <input ref={file} type="file" disabled={isWriting} />
        </label>
        <button type="button" onClick={submitFile} disabled={isWriting}>
          Write the file
        </button>
      </div>
      <Progress state={state} onCancel={() => working.current?.abort()} />
    </div>
  );
}

function Progress({ state, onCancel }: { state: State; onCancel: () => void }) {
  switch (state.kind) {
    case 'idle':
      return null;
    case 'writing':
      return (
        <div class="write-progress">
          <progress max={Math.max(1, state.of)} value={state.written} aria-label="Written" />
          <span>
            {size(state.written)} of {size(state.of)}
          </span>
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        </div>
      );
    case 'done':
      return <p role="status">{size(state.written)} written.</p>;
    case 'cancelled':
      return <p role="status">Cancelled: {size(state.written)} were written, and are kept.</p>;
    case 'failed':
      return <Failure error={state.message} />;
  }
}
