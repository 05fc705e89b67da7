/**
 * The definition of a route. The table of routes ({@link ROUTES} in routes.ts) is the only description of the API: the
 * router serves from it, and the documentation is generated from it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../errors/index.ts';
import type { HandleTable, MountTable, PluginLogger } from '../../fs/index.ts';
import type { VersionInfo } from '../../protocol/index.ts';
import type { LinkPermission, Links, Permission, Principal } from '../auth/index.ts';
import type { Encoding } from '../encoding/index.ts';
import type { Limits } from '../limits/index.ts';
import type { ServerMetrics } from '../metrics/index.ts';
import type { Query } from './query.ts';
import type { RouteResponse } from './responses.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface RouteParameter {
  name: string;
  /** Its location: in the path, the query, or as a field of a JSON body. */
  in: 'path' | 'query' | 'body';
  type: 'string' | 'integer' | 'boolean' | 'size' | 'duration' | 'mode' | 'object';
  required: boolean;
  /** The allowed words, if it is one of a few. */
  values?: readonly string[] | undefined;
  /** The range of an integer. */
  min?: number | undefined;
  max?: number | undefined;
  /** The value if it is absent, as a client would write it. */
  default?: string | undefined;
  description: string;
}

export interface Route {
  readonly method: Method;
  /** An absolute path; `:id` stands for one segment, `*` at its end for one or more, which are the parameter `rest`. */
  readonly pattern: string;
  /** One sentence. */
  readonly summary: string;
  readonly parameters: readonly RouteParameter[];
  /** The successful responses, each status once. */
  readonly answers: readonly RouteResponse[];
  /** The errors of this route, in addition to those of every request. */
  readonly errors?: readonly ErrorCode[] | undefined;
  /** How a body without fields is treated: as the content of a file, or ignored. Default: the route takes no body. */
  readonly body?: 'content' | 'ignored' | undefined;
  /** What the error for an unexpected body suggests instead. Default: see unused-body.ts. */
  readonly insteadOfBody?: string | undefined;
  /** The permission that the caller needs, if tokens are required. */
  readonly permission: Permission;
  /** The right of a signed link that the route accepts in place of a token. Default: links are not accepted. */
  readonly link?: LinkPermission | undefined;
  /** Whether a browser may navigate here from a page of any origin: the route only reads. Default: no. */
  readonly navigable?: true | undefined;
  /** Whether the route evaluates conditional headers itself. Default: they are refused, except for GET. */
  readonly evaluatesConditions?: true | undefined;
  /** Whether the route accepts an upgrade to WebSocket. Default: the offer is ignored. */
  readonly takesOffer?: true | undefined;
  /** The path of the requested file, if it is not in the query. It is then added to the query. */
  pathOf?(params: Readonly<Record<string, string>>): string;
  handle(exchange: Exchange): Promise<void>;
  /** Handles HEAD, where calling `handle` without sending its body would change something or never end. */
  head?(exchange: Exchange): Promise<void>;
}

/** The parts of the server that handlers use. */
export interface ServerContext {
  readonly mounts: MountTable;
  readonly handles: HandleTable;
  readonly logger: PluginLogger;
  /** Maximum length of a body for a file that is not a stream, in bytes (contract 70). */
  readonly maxRequestBodyBytes: number;
  /** Maximum length of a JSON body, in bytes (contract 95). */
  readonly maxJsonBodyBytes: number;
  readonly version: VersionInfo;
  /** Whether the process accepts traffic. The state of the mounts also affects readiness. */
  ready(): boolean;
  /** Maximum duration of a search, in milliseconds. */
  readonly grepTimeLimit: number;
  /** The encodings of a live read; the first is the default. */
  readonly encodings: readonly [Encoding, ...Encoding[]];
  /** Memory, limits, and how often each was reached. */
  readonly limits: Limits;
  readonly metrics: ServerMetrics;
  /** All routes that are served. */
  readonly routes: readonly Route[];
  /** Undefined on a server without tokens. */
  readonly links: Links | undefined;
}

/** A request to switch to another protocol, WebSocket, on a connection that node:http has released. */
export interface UpgradeOffer {
  readonly socket: Socket;
  /** Bytes that followed the head of the request. */
  readonly rest: Buffer;
  /** Checks the permission again. @throws the error for a new request, if the token or link is no longer valid */
  requireStillAdmitted: () => void;
}

/** One request and its response. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: Query;
  /** The named segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the client disconnects before the response is complete. */
  readonly signal: AbortSignal;
  /**
   * Aborts when the client has disconnected or has closed its sending side, which cannot be distinguished: the exchange
   * then waits for no new bytes (docs/adr/0021-finish-half-closed-connections.md).
   */
  readonly waitSignal: AbortSignal;
  readonly server: ServerContext;
  /** The principal of the request; undefined if no token is required. */
  readonly caller: Principal | undefined;
  /** The protocol upgrade that the client offers. Undefined without an offer, and for offers that are ignored. */
  readonly offer: UpgradeOffer | undefined;
  /** Its id in the log. */
  readonly id: string;
  /** Set if the response lasts as long as its stream, so that its duration says nothing about the server. */
  isLive: boolean;
}
