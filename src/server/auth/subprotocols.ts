/**
 * The subprotocols that a WebSocket client offers. A page can say nothing else in a handshake, so one of them may hold a
 * token. It is never answered with, and it never stands in an address, which ends up in logs and histories.
 */
import { createError } from '../../errors/index.ts';
import { TOKEN_SUBPROTOCOL_PREFIX } from '../../protocol/index.ts';

const BASE64URL = /^[\w-]+={0,2}$/;

/** Those that are offered, in their order, without one that holds a token. */
export function offeredSubprotocols(header: string | undefined): string[] {
  return listed(header).filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
}

/** The token among them. @throws UNAUTHORIZED where it is none, or there are two */
export function tokenOfSubprotocols(header: string | undefined): Uint8Array | undefined {
  const [held, ...more] = listed(header).filter((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  if (held === undefined) return undefined;
  if (more.length > 0) throw createError('UNAUTHORIZED', { reason: 'more than one subprotocol holds a token' });
  const text = held.slice(TOKEN_SUBPROTOCOL_PREFIX.length);
  if (BASE64URL.test(text)) return Buffer.from(text, 'base64url');
  throw createError('UNAUTHORIZED', {
    reason: `behind ${TOKEN_SUBPROTOCOL_PREFIX} must come the token in base64url, without padding`,
  });
}

function listed(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
