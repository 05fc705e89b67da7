/** The two kinds of requests that are served directly, for either protocol. */
import type { Reader } from '../../core/index.ts';
import type { Appender } from '../../fs/index.ts';
import type { Principal } from '../auth/index.ts';
import type { SinkOptions } from '../egress/index.ts';
import type { Encoding } from '../encoding/index.ts';
import type { Route } from '../http/route.ts';
import type { RequestHead } from './head.ts';

export interface AppendRequest {
  readonly kind: 'append';
  readonly route: Route;
  readonly path: string;
  readonly head: RequestHead;
  readonly caller: Principal | undefined;
  /** The status of a successful response. */
  readonly status: number;
  /** Whether the received part of an incomplete body is appended. If not, only short bodies are served here. */
  readonly keepsPartialBody: boolean;
  /**
   * @returns undefined if node:http has to handle it
   * @throws the error that node:http will respond with
   */
  open(): OpenAppend | undefined;
}

/** The target of appends, and a protocol's response to them. */
export interface OpenAppend {
  readonly appender: Appender;
  /**
   * The response to an append of `length` bytes, split before and after {@link endValue}; rebuilt once a second.
   * @param vary the `Vary` line, or empty
   */
  responseParts(length: number, vary: string): readonly [before: string, after: string];
  /** The text between the two parts, for the end offset after the append. */
  endValue(endOffset: number): string;
}

export interface FollowRequest {
  readonly kind: 'follow';
  readonly route: Route;
  readonly path: string;
  readonly caller: Principal | undefined;
  /**
   * @returns undefined if node:http has to handle it
   * @throws the error that node:http will respond with
   */
  open(): Promise<OpenRead | undefined>;
}

/** A live read that is open, and how it is sent. */
export interface OpenRead {
  readonly reader: Reader;
  readonly encoding: Encoding;
  /** The head of the response without its date. */
  readonly head: string;
  readonly sending: SinkOptions;
}

/** A head and the request that it was parsed into. */
export interface CachedRequest {
  readonly head: string;
  /** The version of everything that its meaning depends on. */
  readonly version: number;
  readonly request: FollowRequest;
}
