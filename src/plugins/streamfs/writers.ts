/** The writers of a mount's streams: request bodies, whole lines and producers. */
import type { AppendId } from '../../core/index.ts';
import { added, type Producers, removed } from '../../core/internal.ts';
import type { Clock, FileWriter, PluginContext, WriteOptions } from '../../fs/index.ts';
import { type Entry, endDurably } from './entry.ts';
import { isJsonType } from './json-text.ts';
import { JsonLinesWriter } from './json-writer.ts';
import { ProducerExpiry } from './producer-expiry.ts';
import { openProducerWriter } from './producer-writer.ts';
import type { Settings } from './settings.ts';
import { StreamLines } from './stream-lines.ts';
import { LinesWriter, StreamWriter, type WriterOwner } from './stream-writer.ts';

export interface WritersOptions extends Pick<PluginContext, 'memory' | 'limits'> {
  settings: Settings;
  clock: Clock;
  /** Called when a writer of the stream is done. */
  left: (entry: Entry) => void;
}

type LineOptions = Pick<WriteOptions, 'atomic'>;

export class Writers {
  /** The number of open writers. */
  count = 0;
  private readonly options: WritersOptions;
  private readonly producerExpiry: ProducerExpiry;

  constructor(options: WritersOptions) {
    this.options = options;
    this.producerExpiry = new ProducerExpiry(options.settings, options.clock, options);
  }

  /** @throws as `Stream.requireOpen`; MEMORY_LIMIT */
  open(entry: Entry, options: LineOptions): FileWriter {
    const { stream } = entry;
    stream.requireOpen();
    const owner = this.ownerOf(entry, () => writer);
    const lines = this.linesFor(entry, options);
    const writer =
      lines === undefined ? new StreamWriter(stream, owner) : new LinesWriter(stream, owner, lines.begin());
    this.addWriter(entry, writer);
    return this.guarded(entry, writer);
  }

  /** @throws as {@link openProducerWriter} */
  async openProducer(entry: Entry, append: AppendId, options: LineOptions): Promise<FileWriter> {
    const producers = this.producersOf(entry);
    const { stream } = entry;
    const lines = this.linesFor(entry, options);
    const owner = this.ownerOf(entry, () => writer);
    const writer = await openProducerWriter({ stream, producers, append, lines }, owner);
    if (!(writer instanceof StreamWriter)) return writer;
    this.addWriter(entry, writer);
    return this.guarded(entry, writer);
  }

  producersOf(entry: Entry): Producers {
    entry.producers ??= this.producerExpiry.make(entry.log === undefined ? undefined : () => entry.log?.touch());
    this.producerExpiry.watch(entry.producers);
    return entry.producers;
  }

  /** Keeps lines whole, if the writer or the settings of the stream require that. */
  linesFor(entry: Entry, { atomic }: LineOptions): StreamLines | undefined {
    if (isJsonType(entry.settings.type)) return undefined;
    return atomic === 'lines' || entry.settings.atomic === 'lines' ? this.linesOf(entry) : undefined;
  }

  /** Called when a stream is gone. */
  forget({ lines, producers }: Entry): void {
    if (producers !== undefined) this.producerExpiry.drop(producers);
    lines?.drop();
  }

  stop(): void {
    this.producerExpiry.stop();
  }

  private linesOf(entry: Entry): StreamLines {
    const { clock, memory, settings } = this.options;
    const { stream } = entry;
    entry.lines ??= new StreamLines({ stream, clock, timeout: settings.lineTimeout, memory });
    return entry.lines;
  }

  /** For a JSON stream, a writer that accepts only whole messages. */
  private guarded({ settings }: Entry, writer: FileWriter): FileWriter {
    if (!isJsonType(settings.type)) return writer;
    return new JsonLinesWriter(writer, { max: settings.ringBufferSize, memory: this.options.memory });
  }

  private ownerOf(entry: Entry, writer: () => FileWriter): WriterOwner {
    return {
      end: (status) => endDurably(entry, status),
      release: () => {
        const done = writer();
        if (done instanceof StreamWriter) this.removeWriter(entry, done);
        this.options.left(entry);
      },
    };
  }

  private addWriter(entry: Entry, writer: StreamWriter): void {
    entry.writers = added(entry.writers, writer);
    this.count++;
  }

  private removeWriter(entry: Entry, writer: StreamWriter): void {
    if (!entry.writers.has(writer)) return;
    entry.writers = removed(entry.writers, writer);
    this.count--;
  }
}
