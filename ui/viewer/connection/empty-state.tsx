/** The reason why a view is empty, shown instead of its contents. */
import type { Signal } from '@preact/signals';
import { isNotFound, type ReadingFacts } from './reading.ts';

export function EmptyState({ reading }: { reading: Signal<Signal<ReadingFacts> | undefined> }) {
  const text = textFor(reading.value?.value);
  return text === undefined ? null : <p class="nothing-yet">{text}</p>;
}

function textFor(facts: ReadingFacts | undefined): string | undefined {
  if (facts === undefined) return undefined;
  const { ahead, offset, phase } = facts;
  if (ahead !== undefined) return 'The stream has not reached this offset yet. Data from there on appears here.';
  if (phase.kind === 'live') {
    return offset === 0
      ? 'Nothing has been written yet. New data appears here.'
      : 'Nothing has arrived yet. Data written from now on appears here.';
  }
  if (phase.kind === 'ended') {
    const next = phase.isLast === true ? '' : ' A new stream with this name will appear here.';
    return `It has ended, and there is no data to show.${next}`;
  }
  if (phase.kind === 'gone') return 'It was removed. A new stream with this name will appear here.';
  if (phase.kind === 'refused' && isNotFound(phase)) {
    return 'There is no stream with this name. It may have been removed, or not been created yet. It appears here as soon as it is created.';
  }
  return undefined;
}
