/** Names of the server, for completion. */
import type { StreamFSClient } from '../../client/index.ts';
import { printable } from '../io.ts';
import type { Candidate, Remote } from './completions.ts';

/** How long completion may wait for the server, in milliseconds: the shell blocks meanwhile. */
export const DEADLINE_MS = 500;

/** Names from the server that begin with `typed`. */
export async function remoteCandidates(client: StreamFSClient, remote: Remote, typed: string): Promise<Candidate[]> {
  const found = await LOOKUPS[remote](client, typed);
  return found.filter(({ word }) => word.startsWith(typed) && printable(word) === word);
}

const LOOKUPS: Readonly<Record<Remote, (client: StreamFSClient, typed: string) => Promise<Candidate[]>>> = {
  async path(client, typed) {
    const folder = typed.startsWith('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : '/';
    const entries = await client.list(folder);
    return entries.map(({ name, isDir, meta }) => ({
      word: folder + name + (isDir ? '/' : ''),
      description: isDir ? 'directory' : meta.Type,
    }));
  },
  async mount(client) {
    const mounts = await client.mounts();
    return mounts.map(({ path, pluginName }) => ({ word: path, description: pluginName }));
  },
  async reader(client) {
    const { readers } = await client.readers();
    return readers.map(({ id, path, kind }) => ({ word: String(id), description: `${kind} of ${path}` }));
  },
  async plugin(client) {
    const plugins = await client.plugins();
    return plugins.map(({ name }) => ({ word: name, description: 'plugin' }));
  },
};
