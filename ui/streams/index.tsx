/** All streams. */
import { useEffect, useState } from 'preact/hooks';
import { streamHash } from '../hash.ts';
import type { PageClient } from '../session/page-client.ts';

export function StreamsView({ client }: { client: PageClient }) {
  const [paths, setPaths] = useState<readonly string[]>([]);
  useEffect(() => {
    const load = async () => {
      const found: string[] = [];
      for (const mount of await client.api.mounts()) {
        if (mount.pluginName !== 'streamfs') continue;
        for (const file of await client.api.list(mount.path)) {
          if (file.meta.Type === 'stream') found.push(`${mount.path}/${file.name}`);
        }
      }
      setPaths(found);
    };
    load().catch(() => undefined);
  }, [client]);
  return (
    <section>
      <h1>Streams</h1>
      <ul>
        {paths.map((path) => (
          <li key={path}>
            <a href={streamHash(path)}>{path}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
