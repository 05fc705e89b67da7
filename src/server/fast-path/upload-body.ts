/** The body of a directly served request that is too long to be buffered: passed on as it arrives. */
import type { Socket } from 'node:net';
import type { BodyConsumer, BodySource } from '../ingest/source.ts';
import { ChunkedDecoder } from './chunked.ts';

export class UploadBody implements BodySource {
  readonly socket: Socket;
  readonly length: number | undefined;
  /** The consumer has asked for a pause. */
  isPaused = false;
  /** The whole body has arrived, consumed or not. */
  isOver = false;
  /** The framing is malformed, so further bytes cannot be interpreted. */
  isBroken = false;
  private readonly decoder: ChunkedDecoder | undefined;
  private readonly onResume: () => void;
  private left: number;
  private consumer: BodyConsumer | undefined;

  /** @param onResume called when the consumer can take more, after a pause */
  constructor(socket: Socket, length: number | undefined, onResume: () => void) {
    this.socket = socket;
    this.length = length;
    this.left = length ?? 0;
    this.decoder = length === undefined ? new ChunkedDecoder() : undefined;
    this.onResume = onResume;
  }

  start(consumer: BodyConsumer): void {
    this.consumer = consumer;
  }

  /** Discards everything that arrives from now on. */
  stop(): void {
    this.consumer = undefined;
    if (this.isPaused) this.resume();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.onResume();
  }

  /** Reads from `from`, up to the end of the body or a pause. Returns the position of the first unread byte. */
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
    this.consumer?.data(length === bytes.length ? bytes : bytes.subarray(at, at + length));
    if (this.isOver) this.consumer?.end();
    return at + length;
  }

  private takeChunked(bytes: Buffer, from: number, decoder: ChunkedDecoder): number {
    const at = decoder.next(bytes, from);
    if (decoder.piece > 0) this.consumer?.data(bytes.subarray(at - decoder.piece, at));
    if (decoder.isOver) {
      this.isOver = true;
      this.consumer?.end();
    } else if (decoder.isBroken) {
      this.isBroken = true;
      this.consumer?.broken();
    }
    return at;
  }

  /** The connection was closed: no more bytes will arrive. */
  cut(): void {
    this.isBroken = true;
    this.consumer?.broken();
  }
}
