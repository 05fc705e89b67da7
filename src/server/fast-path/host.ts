/** What the direct way needs of the server it belongs to. */
import type { Socket } from 'node:net';
import type { HeadersOfRequest, Principal } from '../auth/index.ts';
import type { Query } from '../http/query.ts';
import type { Route, ServerContext } from '../http/route.ts';
import type { KnownRequest } from './requests.ts';

export interface FastPathHost {
  readonly context: ServerContext;
  /** No new requests are served. */
  readonly isClosing: boolean;
  /** Another one whenever what was found out about a request may no longer hold for the next one like it. */
  readonly version: number;
  /** The line about origins that every answer has; empty where there are none but the server's own. */
  readonly varyLine: string;
  /** The live read that was asked for last: a crowd asks in the same words. */
  lastFollow: KnownRequest | undefined;
  /** Admits a request and returns its principal where tokens are configured; throws the error that it is answered with. */
  admit(route: Route, query: Query, headers: HeadersOfRequest & { host: string }): Principal | undefined;
  /** Hands a connection to node:http. It does not come back. */
  handOver(socket: Socket): void;
  /** An exchange of a connection is over. */
  done(socket: Socket): void;
  /** The route that a request is for, and its query. @throws where there is none */
  find(method: string, target: string): { route: Route; query: Query };
}
