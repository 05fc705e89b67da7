/**
 * What a route is. The table of them ({@link ROUTES} in routes.ts) is the one description of the API: the
 * router serves from it and the documentation is made from it.
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
import type { RouteAnswer } from './answers.ts';
import type { Query } from './query.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface RouteParameter {
  name: string;
  /** Where it stands: in the path, the query, or as a field of a JSON body. */
  in: 'path' | 'query' | 'body';
  type: 'string' | 'integer' | 'boolean' | 'size' | 'duration' | 'mode' | 'object';
  required: boolean;
  /** The words that it may be, if it is one of a few. */
  values?: readonly string[] | undefined;
  /** Of an integer. */
  min?: number | undefined;
  max?: number | undefined;
  /** What it is where it is not given, as a client would write it. */
  default?: string | undefined;
  description: string;
}

export interface Route {
  readonly method: Method;
  /** An absolute path; `:id` stands for one part, `*` at its end for one or more, which are the parameter `rest`. */
  readonly pattern: string;
  /** One sentence. */
  readonly summary: string;
  readonly parameters: readonly RouteParameter[];
  /** What it answers where nothing is wrong, each status once. */
  readonly answers: readonly RouteAnswer[];
  /** What it may refuse, beside what any request may be refused for. */
  readonly errors?: readonly ErrorCode[] | undefined;
  /** What a body is to it, where it has no fields to read: the content of a file, or nothing. Default: it takes none. */
  readonly body?: 'content' | 'ignored' | undefined;
  /** What to do instead of sending a body, where it takes none. Default: see unused-body.ts. */
  readonly insteadOfBody?: string | undefined;
  /** What the caller must be allowed to do, where tokens are required. */
  readonly permission: Permission;
  /** The right that a signed link to the path must carry to be taken here in place of a token. Default: none is. */
  readonly link?: LinkPermission | undefined;
  /** Whether a browser may be sent here by a link or by a page of any origin: it reads, and changes nothing. Default: no. */
  readonly navigable?: true | undefined;
  /** It takes an offer to go on as WebSocket. Default: the request is answered as if it had offered nothing. */
  readonly takesOffer?: true | undefined;
  /** The path of the file that is asked for, where it does not stand in the query: as if it did. */
  pathOf?(params: Readonly<Record<string, string>>): string;
  handle(exchange: Exchange): Promise<void>;
  /** Answers HEAD where running `handle` without sending its body would change something or never end. */
  head?(exchange: Exchange): Promise<void>;
}

/** What the server was made of, as handlers see it. */
export interface ServerContext {
  readonly mounts: MountTable;
  readonly handles: HandleTable;
  readonly logger: PluginLogger;
  /** The largest body for a file that is not a stream, in bytes (contract 70). */
  readonly maxRequestBodyBytes: number;
  /** The largest JSON body, in bytes (contract 95). */
  readonly maxJsonBodyBytes: number;
  readonly version: VersionInfo;
  /** Whether the process wants traffic; the mounts have their own say in readiness. */
  ready(): boolean;
  /** The longest a search may take, in milliseconds. */
  readonly grepTimeLimit: number;
  /** The forms a live read can be asked for in; the first is the default. */
  readonly encodings: readonly [Encoding, ...Encoding[]];
  /** Memory, limits, and how often they were reached. */
  readonly limits: Limits;
  readonly metrics: ServerMetrics;
  /** All that is served, as it is described. */
  readonly routes: readonly Route[];
  /** Undefined on a server without tokens. */
  readonly links: Links | undefined;
}

/** A request to switch to another protocol, WebSocket, on a connection that node:http has released. */
export interface UpgradeOffer {
  readonly socket: Socket;
  /** What has come behind the head of the request. */
  readonly rest: Buffer;
  /** Throws as the same request would be refused now, where its token or link is good no more. */
  requireStillAdmitted: () => void;
}

/** One request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: Query;
  /** The parts of the path that the pattern names. */
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  /**
   * Aborts when the client has gone or has closed its side, which look the same: no new bytes are waited for then
   * (docs/adr/0021-finish-half-closed-connections.md).
   */
  readonly patience: AbortSignal;
  readonly server: ServerContext;
  /** Whose token it is; undefined where none is required. */
  readonly caller: Principal | undefined;
  /** What the request offers to go on with. Undefined for nearly all, and for offers that are not taken. */
  readonly offer: UpgradeOffer | undefined;
  /** Its id in the log. */
  readonly id: string;
  /** To be set where the answer goes on for as long as its stream: how long that takes says nothing of the server. */
  isLive: boolean;
}
