import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A configuration file for a server of which the mount at /streamfs has these settings. */
export function writeConfig(folder, settings) {
  const file = join(folder, 'server.yaml');
  // YAML reads JSON.
  writeFileSync(file, JSON.stringify({ server: {}, plugins: { streamfs: { config: settings } } }));
  return file;
}
