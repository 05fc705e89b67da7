/** The two kinds of requests that are served here, as their heads were read. */
import type { OpenStreamOptions } from '../../fs/index.ts';
import type { Principal } from '../auth/index.ts';
import type { SendOptions } from '../egress/index.ts';
import type { RequestHead } from './head.ts';

export interface AppendRequest {
  readonly kind: 'append';
  readonly path: string;
  readonly head: RequestHead;
  readonly caller: Principal | undefined;
}

export interface FollowRequest {
  readonly kind: 'follow';
  readonly path: string;
  readonly open: OpenStreamOptions;
  readonly send: SendOptions;
  readonly caller: Principal | undefined;
}

/** What a head has been found to ask for. */
export interface KnownRequest {
  readonly head: string;
  /** Of all that its meaning depends on. */
  readonly version: number;
  readonly request: FollowRequest;
}
