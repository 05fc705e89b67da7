/** The source that a view reads its stream from. */
import type { Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { PageClient } from '../session/page-client.ts';
import type { Sniffed } from './bytes/sniff.ts';
import type { ReadingFacts } from './connection/reading.ts';
import { ReadingSession, type RecordSink } from './connection/reading-session.ts';
import { followStart, type Start } from './view-state.ts';

/** Facts about a stream that are determined before it is read. */
export interface FoundFacts {
  /** The declared content type. */
  type: string | undefined;
  /** Undefined if nothing is known yet: nothing is declared, and the stream is empty. */
  sniffed: Sniffed | undefined;
}

export interface Source {
  client: PageClient;
  path: string;
  /** The declared content type. */
  type: string | undefined;
  start: Start;
  mayAsk: boolean;
  create: boolean;
  /** Where a view publishes the state of its read. */
  reading: Signal<Signal<ReadingFacts> | undefined>;
  /** To be called when the view continues with the next generation of the path. Returns facts about that stream. */
  onNextGeneration: () => Promise<FoundFacts>;
}

/** Reads the source into the sink while the component is mounted. */
export function useReading(source: Source, sink: RecordSink): void {
  useEffect(() => {
    const { client, create, mayAsk, path, reading, start } = source;
    const onNextGeneration = () => void source.onNextGeneration();
    const options = { client, path, start: followStart(start), sink, mayAsk, create, onNextGeneration };
    const session = new ReadingSession(options);
    reading.value = session.facts;
    session.start();
    return () => session.stop();
  }, []);
}
