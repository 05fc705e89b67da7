import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a configuration file for a server whose mount at /streamfs has these settings. */
export function writeConfig(folder, settings) {
  const file = join(folder, 'server.yaml');
  // JSON is valid YAML.
  writeFileSync(file, JSON.stringify({ server: {}, plugins: { streamfs: { config: settings } } }));
  return file;
}
