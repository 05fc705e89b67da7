/** A body as it arrives, from any kind of request, so that the code that takes bodies in exists once. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isBroken } from '../net/index.ts';
import { askForBody } from './expectation.ts';

/** A consumer of a body. After `end` or `broken` nothing follows. */
export interface BodyTaker {
  /** The bytes are others after it has returned: what is wanted of them is copied. */
  data(bytes: Uint8Array): void;
  /** It is complete. */
  end(): void;
  /** It will never be. */
  broken(): void;
}

export interface BodySource {
  readonly socket: Duplex;
  /** How many bytes it says it has; undefined where it does not say. */
  readonly length: number | undefined;
  /** Begins to give the body. */
  start(taker: BodyTaker): void;
  /** Gives nothing any more. */
  stop(): void;
  pause(): void;
  resume(): void;
}

/** The body of a request that node:http has read. */
export class RequestBody implements BodySource {
  readonly socket: Duplex;
  readonly length: number | undefined;
  readonly #req: IncomingMessage;
  #taker: BodyTaker | undefined;

  constructor(req: IncomingMessage) {
    this.#req = req;
    this.socket = req.socket;
    const length = req.headers['content-length'];
    this.length = length === undefined ? undefined : Number(length);
  }

  start(taker: BodyTaker): void {
    this.#taker = taker;
    askForBody(this.#req);
    this.#req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onBreak).on('error', this.#onBreak);
  }

  stop(): void {
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBreak).off('error', this.#onBreak);
    // A request whose socket breaks may still raise an error after we have gone.
    this.#req.on('error', () => undefined);
  }

  pause(): void {
    this.#req.pause();
  }

  resume(): void {
    this.#req.resume();
  }

  readonly #onData = (bytes: Uint8Array): void => this.#taker?.data(bytes);
  readonly #onEnd = (): void => {
    if (isBroken(this.#req)) this.#taker?.broken();
    else this.#taker?.end();
  };
  readonly #onBreak = (): void => {
    if (!this.#req.complete) this.#taker?.broken();
  };
}
