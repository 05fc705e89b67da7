/** The state of the read, always visible. Its changes are announced to screen readers. */
import type { Signal } from '@preact/signals';
import { count, size } from '../../format.ts';
import { printable } from '../../printable.ts';
import { Announcer } from './announcer.tsx';
import { announcementOf, type ReadingFacts, textOfReading } from './reading.ts';

export interface ConnectionLineProps {
  reading: Signal<Signal<ReadingFacts> | undefined>;
  /** When the view continued with the next generation of the path. */
  newSince: number | undefined;
}

export function ConnectionLine({ newSince, reading }: ConnectionLineProps) {
  const facts = reading.value?.value;
  if (facts === undefined) return null;
  const { detail, state, tone } = textOfReading(facts, Date.now());
  const { lag, offset } = facts;
  return (
    <>
      <div class={`reading ${tone}`} data-testid="reading" data-phase={facts.phase.kind}>
        <span class="dot" aria-hidden="true" />
        <strong>{state}</strong>
        {detail === '' ? null : <span class="reading-detail">{printable(detail)}</span>}
        {newSince === undefined ? null : (
          <span role="status" class="reading-detail" data-testid="new-generation">
            new stream since {new Date(newSince).toLocaleTimeString()}
          </span>
        )}
        {offset === undefined ? null : <span class="reading-number">offset {count(offset)}</span>}
        {lag === undefined || lag === 0 ? null : (
          <span
            class="reading-number"
            data-testid="lag"
            title="Bytes of the stream that this page has not received yet"
          >
            {size(lag)} behind
          </span>
        )}
      </div>
      <Announcer announcement={announcementOf(facts)} />
    </>
  );
}
