/** A fork is made: it is not visible yet, and has all that it inherits once it is. */
import type { MemoryBudget } from '../../core/index.ts';
import { forkStream, originOf, RingStream } from '../../core/internal.ts';
import type { CreateOptions } from '../../fs/index.ts';
import { type Entry, newEntry } from './entry.ts';
import { setFormat, takeRetained } from './formats.ts';
import type { KeptStreams } from './kept-streams.ts';
import type { MountRules } from './mount-rules.ts';
import { ByteSlices } from './slices.ts';
import { COPYING, type ForkedRange } from './stream-store.ts';

export interface Fork {
  path: string;
  options: CreateOptions;
  source: RingStream;
  range: ForkedRange;
}

/** What the mount has for it. */
export interface ForkMaker {
  /** What comes before a stream's path in its name. */
  readonly prefix: string;
  readonly rules: MountRules;
  readonly memory: MemoryBudget | undefined;
  /** What keeps the streams on disk, where that is asked for. */
  readonly kept: KeptStreams | undefined;
  /** @throws SHUTTING_DOWN */
  requireRunning(): void;
}

/** @throws OFFSET_GONE, MEMORY_LIMIT, SHUTTING_DOWN; nothing is left of it then */
export async function makeFork({ options, path, range, source }: Fork, maker: ForkMaker): Promise<Entry> {
  const { kept, memory, prefix, rules } = maker;
  const { account, settings: asked } = options;
  const settings = rules.settingsFor(asked);
  const identity = { name: prefix + path };
  kept?.store.requireWritable();
  const stream =
    kept === undefined
      ? forkStream(source, range, identity, rules.rulesFor(settings))
      : new RingStream(
          { ...identity, firstOffset: range.from, origin: originOf(source, range.to) },
          rules.rulesFor(settings),
        );
  const entry = newEntry({ path, stream, settings, autoCreated: false, account });
  try {
    setFormat(entry, memory);
    if (kept === undefined) await takeRetained(stream, () => maker.requireRunning());
    else await copyInto(entry, kept, { source, range }, maker);
    return entry;
  } catch (error) {
    discardFork(entry);
    throw error;
  }
}

/** To a log, and to memory, goes what the source's log has alone as well, as there is room for it. */
async function copyInto(
  entry: Entry,
  kept: KeptStreams,
  { range, source }: Pick<Fork, 'range' | 'source'>,
  maker: ForkMaker,
): Promise<void> {
  const { stream } = entry;
  entry.facts = COPYING;
  kept.keep(entry, maker.rules.ofMount);
  const slices = new ByteSlices();
  for await (const chunk of source.whole.chunks(range.from, range.to)) {
    maker.requireRunning();
    await stream.write(chunk);
    await slices.after(chunk.length);
  }
  await stream.whenSaved();
}

/** It is not needed after all. */
export function discardFork({ log, stream }: Entry): void {
  stream.end('removed');
  log?.remove();
}
