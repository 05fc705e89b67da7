/** Creates a fork. It becomes visible only after it has inherited all bytes. */
import type { MemoryBudget } from '../../core/index.ts';
import { forkStream, originOf, RingStream } from '../../core/internal.ts';
import type { CreateOptions } from '../../fs/index.ts';
import { type Entry, newEntry } from './entry.ts';
import { setFormat, takeRetained } from './formats.ts';
import type { MountRules } from './mount-rules.ts';
import type { PersistedStreams } from './persisted-streams.ts';
import { ByteSlices } from './slices.ts';
import { COPYING, type ForkedRange } from './stream-store.ts';

export interface Fork {
  path: string;
  options: CreateOptions;
  source: RingStream;
  range: ForkedRange;
}

/** The services of the mount. */
export interface ForkMaker {
  /** The mount path, which precedes a stream's path in its name. */
  readonly prefix: string;
  readonly rules: MountRules;
  readonly memory: MemoryBudget | undefined;
  /** The log of the streams on disk, if the mount is persistent. */
  readonly persisted: PersistedStreams | undefined;
  /** @throws SHUTTING_DOWN */
  requireRunning(): void;
}

/** @throws OFFSET_GONE, MEMORY_LIMIT, SHUTTING_DOWN; the incomplete fork is discarded */
export async function makeFork({ options, path, range, source }: Fork, maker: ForkMaker): Promise<Entry> {
  const { persisted, memory, prefix, rules } = maker;
  const { account, settings: asked } = options;
  const settings = rules.settingsFor(asked);
  const identity = { name: prefix + path };
  persisted?.store.requireWritable();
  const stream =
    persisted === undefined
      ? forkStream(source, range, identity, rules.rulesFor(settings))
      : new RingStream(
          { ...identity, firstOffset: range.from, origin: originOf(source, range.to) },
          rules.rulesFor(settings),
        );
  const entry = newEntry({ path, stream, settings, autoCreated: false, account });
  try {
    setFormat(entry, memory);
    if (persisted === undefined) await takeRetained(stream, () => maker.requireRunning());
    else await copyInto(entry, persisted, { source, range }, maker);
    return entry;
  } catch (error) {
    discardFork(entry);
    throw error;
  }
}

/**
 * Copies the inherited bytes to the fork's log and, as far as they fit, to its ring, including those that only the
 * source's log still has.
 */
async function copyInto(
  entry: Entry,
  persisted: PersistedStreams,
  { range, source }: Pick<Fork, 'range' | 'source'>,
  maker: ForkMaker,
): Promise<void> {
  const { stream } = entry;
  entry.facts = COPYING;
  persisted.keep(entry, maker.rules.ofMount);
  const slices = new ByteSlices();
  for await (const chunk of source.withHistory.chunks(range.from, range.to)) {
    maker.requireRunning();
    await stream.write(chunk);
    await slices.after(chunk.length);
  }
  await stream.whenSaved();
}

/** Discards a fork that is not needed. */
export function discardFork({ log, stream }: Entry): void {
  stream.end('removed');
  log?.remove();
}
