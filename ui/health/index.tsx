/** How the server is, and who reads. */
import { useEffect } from 'preact/hooks';
import type { ServerFeed } from '../feed/server-feed.ts';
import type { PageClient } from '../session/page-client.ts';

export function HealthView({ feed }: { client: PageClient; feed: ServerFeed }) {
  useEffect(() => feed.poller.use(), [feed]);
  const stats = feed.stats.value;
  return (
    <section>
      <h1>Health</h1>
      {stats === undefined ? null : (
        <dl class="facts">
          <div>
            <dt>Streams</dt>
            <dd>{stats.streams}</dd>
          </div>
          <div>
            <dt>Readers</dt>
            <dd>{stats.readers}</dd>
          </div>
        </dl>
      )}
    </section>
  );
}
