/** The source that a view reads its stream from. */
import type { Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { PageClient } from '../session/page-client.ts';
import type { ReadingFacts } from './connection/reading.ts';
import { ReadingSession, type RecordSink } from './connection/reading-session.ts';
import { followStart, type Start } from './view-state.ts';

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
}

/** Reads the source into the sink while the component is mounted. */
export function useReading(source: Source, sink: RecordSink): void {
  useEffect(() => {
    const { client, create, mayAsk, path, reading, start } = source;
    const session = new ReadingSession({ client, path, start: followStart(start), sink, mayAsk, create });
    reading.value = session.facts;
    session.start();
    return () => session.stop();
  }, []);
}
