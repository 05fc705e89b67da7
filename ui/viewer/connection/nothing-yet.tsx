/** In place of what a view would show where there is nothing to show: why that is. */
import type { Signal } from '@preact/signals';
import { isNotThere, type ReadingFacts } from './reading.ts';

export function NothingYet({ reading }: { reading: Signal<Signal<ReadingFacts> | undefined> }) {
  const text = textFor(reading.value?.value);
  return text === undefined ? null : <p class="nothing-yet">{text}</p>;
}

function textFor(facts: ReadingFacts | undefined): string | undefined {
  if (facts === undefined) return undefined;
  const { offset, phase } = facts;
  if (phase.kind === 'live') {
    return offset === 0
      ? 'Nothing has been written yet. It shows here as soon as it is.'
      : 'Nothing has come yet. What is written from now on shows here.';
  }
  if (phase.kind === 'ended') return 'It ended, and there is nothing of it to show.';
  if (phase.kind === 'gone') return 'It was removed. Another stream with this name shows here as soon as there is one.';
  if (phase.kind === 'refused' && isNotThere(phase)) {
    return 'There is no stream with this name. It may have been removed, or is yet to be made.';
  }
  return undefined;
}
