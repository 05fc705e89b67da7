/**
 * The location within the page, stored after the `#` of its address: a place, a path, and the state of the view, so
 * that it can be bookmarked and shared. It never contains a token.
 */

export type Place = 'streams' | 'stream' | 'health' | 'api' | 'missing';

export interface Location {
  place: Place;
  /** Of the place `stream`. */
  path: string;
  /** The state of the view. */
  state: URLSearchParams;
}

const STREAM = '/s/';

export function parseHash(hash: string): Location {
  const [address = '', query = ''] = split(hash.replace(/^#/, ''), '?');
  const state = new URLSearchParams(query);
  if (address === '' || address === '/') return { place: 'streams', path: '', state };
  if (address === '/health') return { place: 'health', path: '', state };
  if (address === '/api') return { place: 'api', path: '', state };
  if (address.startsWith(STREAM) && address.length > STREAM.length) {
    const parts = address.slice(STREAM.length).split('/').map(decoded);
    return { place: 'stream', path: `/${parts.join('/')}`, state };
  }
  return { place: 'missing', path: address, state };
}

/** The address of a view other than that of a stream. */
export function placeHash(place: Place, state: URLSearchParams): string {
  const query = state.toString();
  return `#/${place === 'streams' ? '' : place}${query === '' ? '' : `?${query}`}`;
}

/** The address of a stream's view. */
export function streamHash(path: string, state: URLSearchParams = new URLSearchParams()): string {
  const parts = path.split('/').filter(Boolean).map(encodeURIComponent);
  const query = state.toString();
  return `#${STREAM}${parts.join('/')}${query === '' ? '' : `?${query}`}`;
}

function split(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

/** Text typed by a user may have an invalid encoding. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
