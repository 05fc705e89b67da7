/** The two kinds of requests that are served here, as their heads were read. Either may be of any protocol. */
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
  /** Of the answer to an append that is done. */
  readonly status: number;
  /** What has come of a body that breaks off stays. A protocol that says no has short bodies alone served here. */
  readonly takesParts: boolean;
  /** @returns undefined where node:http has to look into it @throws where it answers with an error */
  open(): OpenAppend | undefined;
}

/** Where bodies go, and what a protocol answers. */
export interface OpenAppend {
  readonly appender: Appender;
  /** The answer to an append of `length` bytes, before and behind {@link end}: made once a second. @param vary a line of it */
  around(length: number, vary: string): readonly [before: string, behind: string];
  /** What stands between them: where the stream ends now. */
  end(): string;
}

export interface FollowRequest {
  readonly kind: 'follow';
  readonly route: Route;
  readonly path: string;
  readonly caller: Principal | undefined;
  /** @returns undefined where it is node:http's after all @throws where node:http answers with an error */
  open(): Promise<OpenRead | undefined>;
}

/** A live read that is open, and what is sent of it. */
export interface OpenRead {
  readonly reader: Reader;
  readonly encoding: Encoding;
  /** The head of the answer but for its date. */
  readonly head: string;
  readonly sending: SinkOptions;
}

/** What a head has been found to ask for. */
export interface KnownRequest {
  readonly head: string;
  /** Of all that its meaning depends on. */
  readonly version: number;
  readonly request: FollowRequest;
}
