/** The plugin streamfs with its streams on an in-memory log, and servers that share one: the nodes of a test. */
import type { Clock, Plugin } from '../../src/fs/index.ts';
import { MemoryEngine, MemoryLog, Wire } from '../../src/logs/index.ts';
import { streamfsPlugin } from '../../src/plugins/index.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { SharedFileSystem } from '../../src/plugins/streamfs/shared/file-system.ts';
import { sharedInstance } from '../../src/plugins/streamfs/shared/instance.ts';
import { type Running, type StartOptions, start } from '../server/harness.ts';

const DEADLINE_MS = 5000;

export interface SharedPluginOptions {
  engine?: MemoryEngine | undefined;
  node?: string | undefined;
  wire?: Wire | undefined;
  deadline?: number | undefined;
  isRequired?: boolean | undefined;
  clock?: Clock | undefined;
}

/** Replaces streamfs: each mount has a separate log, unless they share an engine. */
export function sharedPlugin({
  clock,
  deadline = DEADLINE_MS,
  engine,
  isRequired,
  node = 'a',
  wire,
}: SharedPluginOptions = {}): Plugin {
  return {
    ...streamfsPlugin,
    initialize: async (config, context) => {
      const settings = parseSettings(config);
      const { maxProducers, maxStreams, producerTtl } = settings;
      const limits = { maxProducers, maxStreams, producerTtl };
      const log = new MemoryLog({ engine: engine ?? new MemoryEngine(), node, wire, deadline, limits });
      const options = { log, node, deadline, isRequired };
      return sharedInstance(await SharedFileSystem.open(settings, context, options, clock));
    },
  };
}

export interface Node extends Running {
  readonly wire: Wire;
}

export interface Cluster {
  readonly engine: MemoryEngine;
  readonly nodes: readonly Node[];
  /** Another node of the same streams, under a name. @param config of its mount; default: that of the others */
  join(name: string, config?: Record<string, unknown>): Promise<Node>;
}

/** Servers with a mount at /s that share its streams. */
export async function cluster(
  count: number,
  options: StartOptions & Pick<SharedPluginOptions, 'clock' | 'deadline' | 'isRequired'> = {},
): Promise<Cluster> {
  const { clock, deadline, isRequired, mounted, ...rest } = options;
  const engine = new MemoryEngine();
  const join = async (name: string, config?: Record<string, unknown>): Promise<Node> => {
    const wire = new Wire();
    const streamfs = sharedPlugin({ engine, node: name, wire, deadline, isRequired, clock });
    const own = config === undefined ? (mounted ?? { '/s': 'streamfs' }) : { '/s': { fstype: 'streamfs', config } };
    return Object.assign(await start({ ...rest, clock, streamfs, mounted: own }), { wire });
  };
  const nodes: Node[] = [];
  for (let n = 0; n < count; n++) nodes.push(await join(`n${n}`));
  return { engine, nodes, join };
}
