/** Shows whether the server is reachable, in the bar and to screen readers. */
import { useEffect, useState } from 'preact/hooks';
import type { ServerState, ServerWatch } from './server-state.ts';

export function ConnectionState({ watch }: { watch: ServerWatch }) {
  const state = watch.state.value;
  return (
    <div class={`connection ${state.kind}`} role="status" data-testid="connection" data-state={state.kind}>
      <span class="dot" aria-hidden="true" />
      <span>{TEXTS[state.kind]}</span>
      {'since' in state ? <For since={state.since} /> : null}
    </div>
  );
}

const TEXTS: Record<ServerState['kind'], string> = {
  connecting: 'connecting',
  ok: 'connected',
  silent: 'no response',
  gone: 'server unreachable',
};

/** The duration of the state. Hidden from screen readers, which would read it every second. */
function For({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span aria-hidden="true">· {Math.max(0, Math.round((now - since) / 1000))} s</span>;
}
