/** How the server is. */
import { useEffect, useState } from 'preact/hooks';
import type { ServerStats } from '../../src/client/index.ts';
import type { PageClient } from '../session/page-client.ts';

export function HealthView({ client }: { client: PageClient }) {
  const [stats, setStats] = useState<ServerStats>();
  useEffect(() => {
    client.api.stats().then(setStats, () => undefined);
  }, [client]);
  return (
    <section>
      <h1>Health</h1>
      {stats === undefined ? null : (
        <dl>
          <dt>Streams</dt>
          <dd>{stats.streams}</dd>
          <dt>Readers</dt>
          <dd>{stats.readers}</dd>
        </dl>
      )}
    </section>
  );
}
