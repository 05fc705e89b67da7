/** A request body as it arrives, from node:http or the fast path, so that the code that consumes bodies exists once. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isBroken } from '../net/index.ts';
import { askForBody } from './expectation.ts';

/** A consumer of a body. Nothing follows `end` or `broken`. */
export interface BodyConsumer {
  /** The bytes are valid only during the call: bytes that are needed later must be copied. */
  data(bytes: Uint8Array): void;
  /** The body is complete. */
  end(): void;
  /** The body broke off, and will never be complete. */
  broken(): void;
}

export interface BodySource {
  readonly socket: Duplex;
  /** The declared length in bytes; undefined if there is none. */
  readonly length: number | undefined;
  /** Starts to deliver the body. */
  start(consumer: BodyConsumer): void;
  /** Stops delivering. */
  stop(): void;
  pause(): void;
  resume(): void;
}

/** The body of a request that node:http has parsed. */
export class RequestBody implements BodySource {
  readonly socket: Duplex;
  readonly length: number | undefined;
  readonly #req: IncomingMessage;
  #consumer: BodyConsumer | undefined;

  constructor(req: IncomingMessage) {
    this.#req = req;
    this.socket = req.socket;
    const length = req.headers['content-length'];
    this.length = length === undefined ? undefined : Number(length);
  }

  start(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    askForBody(this.#req);
    this.#req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onBreak).on('error', this.#onBreak);
  }

  stop(): void {
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBreak).off('error', this.#onBreak);
    // A request whose socket breaks may still emit an error later.
    this.#req.on('error', () => undefined);
  }

  pause(): void {
    this.#req.pause();
  }

  resume(): void {
    this.#req.resume();
  }

  readonly #onData = (bytes: Uint8Array): void => this.#consumer?.data(bytes);
  readonly #onEnd = (): void => {
    if (isBroken(this.#req)) this.#consumer?.broken();
    else this.#consumer?.end();
  };
  readonly #onBreak = (): void => {
    if (!this.#req.complete) this.#consumer?.broken();
  };
}
