/**
 * The subprotocols that a WebSocket client offers. A page can set no other header in a handshake, so one of the
 * subprotocols may hold a token. The server never selects that one. A token is never accepted in a URL, because URLs
 * end up in logs and histories.
 */
import { createError } from '../../errors/index.ts';
import { TOKEN_SUBPROTOCOL_PREFIX } from '../../protocol/index.ts';

const BASE64URL = /^[\w-]+={0,2}$/;

/** The offered subprotocols in their order, without the one that holds a token. */
export function offeredSubprotocols(header: string | undefined): string[] {
  return listed(header).filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
}

/** The token among the subprotocols. @throws UNAUTHORIZED if it is malformed, or if there are two */
export function tokenOfSubprotocols(header: string | undefined): Uint8Array | undefined {
  const [held, ...more] = listed(header).filter((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  if (held === undefined) return undefined;
  if (more.length > 0) throw createError('UNAUTHORIZED', { reason: 'more than one subprotocol holds a token' });
  const text = held.slice(TOKEN_SUBPROTOCOL_PREFIX.length);
  if (BASE64URL.test(text)) return Buffer.from(text, 'base64url');
  throw createError('UNAUTHORIZED', {
    reason: `the token must follow ${TOKEN_SUBPROTOCOL_PREFIX} in base64url, without padding`,
  });
}

function listed(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
