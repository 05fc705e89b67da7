/**
 * Whether a request comes from a browser, and whose page it says asks. No page can keep its browser from sending these
 * headers, nor make it send others; programs send none of them, but for `Sec-Fetch-Mode`, which Node's fetch sends too.
 */

export interface HeadersOfRequest {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
  readonly 'sec-fetch-dest'?: string | string[] | undefined;
  readonly 'upgrade-insecure-requests'?: string | string[] | undefined;
  readonly 'user-agent'?: string | undefined;
}

/** Every browser calls itself so. */
const BROWSER = /^Mozilla\//;

/**
 * - `nothing`: no browser, or one that cannot be distinguished from a program
 * - `own page`: the request comes from a page of this server, or its address was typed in
 * - `another page`: it comes from a page of another origin, or does not say from which
 */
export function browserSays(headers: HeadersOfRequest): 'nothing' | 'own page' | 'another page' {
  const { origin, host, 'sec-fetch-site': site } = headers;
  // A proxy may have changed Host, so what the browser says counts for more.
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'own page' : 'another page';
  if (origin !== undefined) return isAt(origin, host) ? 'own page' : 'another page';
  return isFromBrowser(headers) ? 'another page' : 'nothing';
}

/** Whether a request has headers that browsers send. Programs may send them too. */
export function hasSignOfBrowser(headers: HeadersOfRequest): boolean {
  const isFetch = Object.keys(headers).some((name) => name.startsWith('sec-fetch-'));
  return isFetch || headers.origin !== undefined || isFromBrowser(headers);
}

/** By what a browser sends also where it does not say which page asks: off loopback, without TLS. */
function isFromBrowser(headers: HeadersOfRequest): boolean {
  const isOther = headers['sec-fetch-dest'] !== undefined || headers['upgrade-insecure-requests'] !== undefined;
  return isOther || BROWSER.test(headers['user-agent'] ?? '');
}

/** Whether an origin is that of a server at this host. */
export function isAt(origin: string, host: string | undefined): boolean {
  return /^https?:\/\/(.+)$/.exec(origin)?.[1] === host?.toLowerCase();
}
