/** The current location within the page, and navigation. */
import { computed, signal } from '@preact/signals';
import { parseHash, placeHash, streamHash } from './hash.ts';

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** The current location. */
export const here = computed(() => parseHash(hash.value));

/** Changes the state of the view in the address without a new history entry, so that going back leaves the view. */
export function replaceState(change: Readonly<Record<string, string | undefined>>): void {
  const { place, path, state } = here.peek();
  const next = new URLSearchParams(state);
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined) next.delete(name);
    else next.set(name, value);
  }
  const to = place === 'stream' ? streamHash(path, next) : placeHash(place, next);
  if (to === location.hash) return;
  history.replaceState(null, '', to);
  hash.value = to;
}
