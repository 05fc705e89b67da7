/**
 * The token in an `Authorization` header, and whether the header is accepted (contract 93). `Bearer` holds the token.
 * `Basic`, as every client builds it from `http://user:token@host`, holds the token as its password, with any user
 * name.
 *
 * A browser that was given a Basic password once sends it with every request to the server, including requests from
 * pages of other origins. So Basic from a browser is accepted only if the browser says that the server's own page asks,
 * or that the user typed the address. A browser never adds Bearer by itself: a program has set it.
 */
import { type HeadersOfRequest, initiatorOf, looksLikeBrowser } from './browser.ts';

/** The maximum length of user name and token together, in base64. */
const MAX_BASIC_LENGTH = 8192;

export type Credentials =
  | { readonly kind: 'token'; readonly token: string | Uint8Array }
  /** There is a header, but it holds no token. */
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

/** The bytes after the first colon: a password may contain colons, a user name may not. */
function passwordOf(base64: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return undefined;
  const pair = Buffer.from(base64, 'base64');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.subarray(colon + 1);
}

function isBasic(authorization: string): boolean {
  return /^Basic(?: |$)/i.test(authorization);
}

/** Whether a header is accepted: Basic is not, if a browser may have added it for a page of another origin. */
export function credentialsCount(authorization: string, headers: HeadersOfRequest): boolean {
  if (!isBasic(authorization)) return true;
  const said = initiatorOf(headers);
  return said === 'nothing' || said === 'own page';
}

export const TOKEN_NEEDED = 'a token is needed, as Authorization: Bearer TOKEN, or as the password of Basic';
export const BASIC_NOT_FROM_PAGES =
  'passwords that a browser sends by itself are accepted only from pages of this server: send Authorization: Bearer TOKEN';

/**
 * The schemes that a 401 offers. Basic is offered to programs that send credentials only after a challenge, such as
 * ffmpeg. Browsers are not offered Basic: they would open their password dialog, whichever page had asked.
 */
export function challengesFor(headers: HeadersOfRequest): string[] {
  return looksLikeBrowser(headers) ? ['Bearer'] : ['Bearer', 'Basic realm="StreamFS", charset="UTF-8"'];
}
