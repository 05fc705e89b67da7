/** A mount whose streams are shared with other nodes through a log. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { PluginContext, PluginInstance } from '../../../fs/index.ts';
import { openLog } from '../../../logs/index.ts';
import type { LogSettings, Settings } from '../settings.ts';
import { SharedFileSystem } from './file-system.ts';

/** @throws LOG_REFUSED */
export async function openShared(
  settings: Settings,
  shared: LogSettings,
  context: PluginContext,
): Promise<PluginInstance> {
  const { maxProducers, maxStreams, producerTtl } = settings;
  const { deadline, isRequired, node = `${hostname()}-${randomBytes(3).toString('hex')}`, url } = shared;
  const { prefix = defaultPrefix(context.mountPath) } = shared;
  const limits = { maxProducers, maxStreams, producerTtl };
  const log = await openLog({ url, node, prefix, deadline, limits, logger: context.logger });
  return sharedInstance(await SharedFileSystem.open(settings, context, { log, node, prefix, deadline, isRequired }));
}

export function sharedInstance(fileSystem: SharedFileSystem): PluginInstance {
  return {
    fileSystem,
    totals: () => fileSystem.totals(),
    log: () => fileSystem.logTotals(),
    shutdown: () => fileSystem.shutdown(),
  };
}

/** The default prefix: identical on all servers for the same mount path, and different for each path. */
export function defaultPrefix(mountPath: string): string {
  if (mountPath === '/') return 'streamfs';
  return `streamfs${Buffer.from(mountPath).toString().split('/').map(encodeURIComponent).join('/')}`;
}
