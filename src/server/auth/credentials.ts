/**
 * The token in an `Authorization` header, and whether it counts (contract 93). `Bearer` holds the token; `Basic`, as every
 * client makes it of `http://user:token@host`, holds the token as its password, with any user name.
 *
 * A browser that was once given a password for Basic sends it with every request to the server, also for pages of other
 * origins. So from a browser Basic counts only where the browser says that the server's own page asks, or that the address
 * was typed in. A browser never adds Bearer by itself: a program has set it.
 */
import { browserSays, type HeadersOfRequest, hasSignOfBrowser } from './browser.ts';

/** How long user and token may be together, as sent. */
const MAX_BASIC_LENGTH = 8192;

export type Credentials =
  | { readonly kind: 'token'; readonly token: string | Uint8Array }
  /** There is a header, but no token in it. */
  | { readonly kind: 'unusable'; readonly reason: string };

const NO_BASIC_TOKEN = 'Authorization: Basic must hold USER:TOKEN in base64, with the token as the password';

export function readCredentials(authorization: string): Credentials {
  const [, scheme, value] = /^(Bearer|Basic) +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined || value === undefined) {
    return { kind: 'unusable', reason: isBasic(authorization) ? NO_BASIC_TOKEN : TOKEN_NEEDED };
  }
  if (scheme.toLowerCase() === 'bearer') return { kind: 'token', token: value };
  const password = value.length > MAX_BASIC_LENGTH ? undefined : passwordOf(value);
  if (password === undefined || password.length === 0) return { kind: 'unusable', reason: NO_BASIC_TOKEN };
  return { kind: 'token', token: password };
}

/** The bytes behind the first colon: a user name holds none, a password may. */
function passwordOf(base64: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return undefined;
  const pair = Buffer.from(base64, 'base64');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.subarray(colon + 1);
}

function isBasic(authorization: string): boolean {
  return /^Basic(?: |$)/i.test(authorization);
}

/** Whether a header counts: Basic does not where a browser may have added it for a page of another origin. */
export function credentialsCount(authorization: string, headers: HeadersOfRequest): boolean {
  if (!isBasic(authorization)) return true;
  const said = browserSays(headers);
  return said === 'nothing' || said === 'own page';
}

export const TOKEN_NEEDED = 'a token is needed, as Authorization: Bearer TOKEN, or as the password of Basic';
export const BASIC_NOT_FROM_PAGES =
  'passwords that a browser sends by itself count only for pages of this server: send Authorization: Bearer TOKEN';

/**
 * What a 401 says can be sent. Basic is offered to programs that wait for that before they send what they have, such as
 * ffmpeg. A browser is not told: it would open its own box for a password, whichever page had asked.
 */
export function challengesFor(headers: HeadersOfRequest): string[] {
  return hasSignOfBrowser(headers) ? ['Bearer'] : ['Bearer', 'Basic realm="StreamFS", charset="UTF-8"'];
}
