/** What the fast path needs of its server. */
import type { Socket } from 'node:net';
import type { HeadersOfRequest, Principal } from '../auth/index.ts';
import type { Query } from '../http/query.ts';
import type { Route, ServerContext } from '../http/route.ts';
import type { CachedRequest } from './requests.ts';

export interface FastPathHost {
  readonly context: ServerContext;
  /** No new requests are accepted. */
  readonly isClosing: boolean;
  /** Changes whenever a cached decision about a request may no longer be valid for the next one. */
  readonly version: number;
  /** The `Vary` line of every response; empty if no origins are listed. */
  readonly varyLine: string;
  /** The most recent live read: many clients send exactly the same head. */
  lastFollow: CachedRequest | undefined;
  /** Admits a request and returns its principal, if tokens are configured. @throws the error to respond with */
  admit(route: Route, query: Query, headers: HeadersOfRequest & { host: string }): Principal | undefined;
  /** Hands a connection to node:http, for good. */
  handOver(socket: Socket): void;
  /** A request of a connection has got its response. */
  done(socket: Socket): void;
  /** The route for a request, and its query. @throws if there is none */
  find(method: string, target: string): { route: Route; query: Query };
}
