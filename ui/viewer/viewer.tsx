/** Shows what is in a stream, as text, and follows it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { here, replaceState } from '../routing.ts';
import type { PageClient } from '../session/page-client.ts';

/** What is kept of the text, in characters. */
const MAX_TEXT = 256 * 1024;

export function Viewer({ path, client }: { path: string; client: PageClient }) {
  const [text, setText] = useState('');
  const [state, setState] = useState('connecting');
  const isWrapped = here.value.state.get('wrap') !== 'off';
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const leaving = new AbortController();
    const decoder = new TextDecoder();
    const follow = async () => {
      const options = { last: MAX_TEXT, create: false, heartbeat: 1000, signal: leaving.signal };
      for await (const record of client.api.follow(path, options)) {
        if (record.type === 'data') {
          const piece = decoder.decode(record.data, { stream: true });
          setText((before) => (before + piece).slice(-MAX_TEXT));
        } else if (record.type === 'caught-up') setState('live');
        else if (record.type === 'reconnecting') setState('reconnecting');
        else if (record.type === 'end') setState(record.reason);
      }
    };
    follow().catch((error: unknown) => {
      if (!leaving.signal.aborted) setState(error instanceof Error ? error.message : String(error));
    });
    return () => leaving.abort();
  }, [path, client]);
  useEffect(() => {
    box.current?.scrollTo(0, box.current.scrollHeight);
  }, [text]);
  return (
    <section class="viewer">
      <h1 class="path">{path}</h1>
      <p role="status" data-testid="reading">
        {state}
      </p>
      <label>
        <input
          type="checkbox"
          checked={isWrapped}
          onChange={() => replaceState({ wrap: isWrapped ? 'off' : undefined })}
        />{' '}
        Wrap lines
      </label>
      <pre ref={box} class={isWrapped ? 'text wrapped' : 'text'} data-testid="text">
        {text}
      </pre>
    </section>
  );
}
