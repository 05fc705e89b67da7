/** The body of a request that is served directly and too long to be kept until it is whole: given on as it comes. */
import type { Socket } from 'node:net';
import type { BodySource, BodyTaker } from '../ingest/source.ts';
import { ChunkedDecoder } from './chunked.ts';

export class UploadBody implements BodySource {
  readonly socket: Socket;
  readonly length: number | undefined;
  /** The consumer has asked for a pause. */
  isPaused = false;
  /** All of it has arrived, consumed or not. */
  isOver = false;
  /** It is not encoded as it should be: what comes is no body any more, nor anything else. */
  isBroken = false;
  private readonly decoder: ChunkedDecoder | undefined;
  private readonly onResume: () => void;
  private left: number;
  private taker: BodyTaker | undefined;

  /** @param onResume called when more can be taken, after a pause */
  constructor(socket: Socket, length: number | undefined, onResume: () => void) {
    this.socket = socket;
    this.length = length;
    this.left = length ?? 0;
    this.decoder = length === undefined ? new ChunkedDecoder() : undefined;
    this.onResume = onResume;
  }

  start(taker: BodyTaker): void {
    this.taker = taker;
  }

  /** What comes from now on is read over. */
  stop(): void {
    this.taker = undefined;
    if (this.isPaused) this.resume();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.onResume();
  }

  /** Reads on from `at`, up to the end of the body or a pause; gives the position of what it has not read. */
  take(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && !this.isPaused && !this.isOver && !this.isBroken) {
      at = this.decoder === undefined ? this.takeCounted(bytes, at) : this.takeChunked(bytes, at, this.decoder);
    }
    return at;
  }

  private takeCounted(bytes: Buffer, at: number): number {
    const length = Math.min(this.left, bytes.length - at);
    this.left -= length;
    this.isOver = this.left === 0;
    this.taker?.data(length === bytes.length ? bytes : bytes.subarray(at, at + length));
    if (this.isOver) this.taker?.end();
    return at + length;
  }

  private takeChunked(bytes: Buffer, from: number, decoder: ChunkedDecoder): number {
    const at = decoder.next(bytes, from);
    if (decoder.piece > 0) this.taker?.data(bytes.subarray(at - decoder.piece, at));
    if (decoder.isOver) {
      this.isOver = true;
      this.taker?.end();
    } else if (decoder.isBroken) {
      this.isBroken = true;
      this.taker?.broken();
    }
    return at;
  }

  /** Nothing more will come. */
  cut(): void {
    this.isBroken = true;
    this.taker?.broken();
  }
}
