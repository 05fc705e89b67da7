/**
 * Whether a request comes from a browser, and which page caused it. No page can prevent its browser from sending these
 * headers, nor change them. Programs send none of them except `Sec-Fetch-Mode`, which Node's fetch sends too.
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

/** The User-Agent of every browser begins with this. */
const BROWSER = /^Mozilla\//;

/**
 * - `nothing`: no browser, or one that cannot be distinguished from a program
 * - `own page`: the request comes from a page of this server, or the user typed the address
 * - `another page`: it comes from a page of another origin, or does not say from which
 */
export function initiatorOf(headers: HeadersOfRequest): 'nothing' | 'own page' | 'another page' {
  const { origin, host, 'sec-fetch-site': site } = headers;
  // A proxy may have changed Host, so Sec-Fetch-Site takes precedence.
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'own page' : 'another page';
  if (origin !== undefined) return isOriginOfHost(origin, host) ? 'own page' : 'another page';
  return isFromBrowser(headers) ? 'another page' : 'nothing';
}

/** Whether a request has headers that browsers send. Programs may send them too. */
export function looksLikeBrowser(headers: HeadersOfRequest): boolean {
  const isFetch = Object.keys(headers).some((name) => name.startsWith('sec-fetch-'));
  return isFetch || headers.origin !== undefined || isFromBrowser(headers);
}

/** By headers that a browser sends even where it does not name the page: off loopback, without TLS. */
function isFromBrowser(headers: HeadersOfRequest): boolean {
  const isOther = headers['sec-fetch-dest'] !== undefined || headers['upgrade-insecure-requests'] !== undefined;
  return isOther || BROWSER.test(headers['user-agent'] ?? '');
}

/** Whether an origin is that of a server at this host. */
export function isOriginOfHost(origin: string, host: string | undefined): boolean {
  return /^https?:\/\/(.+)$/.exec(origin)?.[1] === host?.toLowerCase();
}
