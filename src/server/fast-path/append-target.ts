/**
 * The target of the short appends of a connection, and their responses. A client that writes message by message sends
 * the same head again and again: the head is parsed once, and each further head is only compared with it.
 */
import { createError } from '../../errors/index.ts';
import { httpDate } from '../http/response-text.ts';
import type { AppendRequest, OpenAppend } from './requests.ts';

export class AppendTarget {
  readonly request: AppendRequest;
  readonly length: number;
  /** With the empty line that ends it. */
  readonly head: Buffer;
  private open: OpenAppend;
  private readonly version: number;
  private readonly vary: string;
  private prefix = '';
  private suffix = '';
  private date = '';
  private generation = '';

  /**
   * @param length length of each body, in bytes
   * @param version version of everything that the meaning of a head, and its response, depend on
   * @param vary the `Vary` line of the response, or empty
   */
  constructor(request: AppendRequest, head: Buffer, length: number, open: OpenAppend, version: number, vary: string) {
    this.request = request;
    this.head = head;
    this.length = length;
    this.open = open;
    this.version = version;
    this.vary = vary;
  }

  /** Whether the same head begins at a position, and is still valid. */
  isAt(bytes: Buffer, at: number, version: number): boolean {
    const end = at + this.head.length;
    return end <= bytes.length && this.version === version && this.head.compare(bytes, at, end) === 0;
  }

  get expectsContinue(): boolean {
    return this.request.head.expectsContinue;
  }

  /** Whether 100 Continue must not be sent, because the stream has ended and the body would be refused. */
  get isRefused(): boolean {
    return this.expectsContinue && this.open.appender.isOver;
  }

  /** The response to an append that is complete, as one text. */
  response(endOffset = this.open.appender.endOffset, open = this.open): string {
    const date = httpDate();
    const { generation } = open.appender;
    if (date !== this.date || generation !== this.generation) {
      this.date = date;
      this.generation = generation;
      [this.prefix, this.suffix] = open.responseParts(this.length, this.vary);
    }
    return this.prefix + open.endValue(endOffset) + this.suffix;
  }

  /**
   * Appends a body to the stream, or if that has ended to a new one at the same path.
   *
   * @returns undefined once it is complete; a promise of the response if it has to wait
   * @throws the error for the path, or that of `append`; nothing has been written then
   */
  append(piece: Uint8Array): Promise<string> | undefined {
    if (this.open.appender.isOver) {
      const open = this.request.open();
      if (open === undefined) throw createError('STREAM_CLOSED');
      this.open = open;
      this.date = '';
    }
    const { open } = this;
    return open.appender.append(piece)?.then((endOffset) => this.response(endOffset, open));
  }

  /** Whether the next append may begin before the last one is complete, without overtaking it. */
  get isPlaced(): boolean {
    return this.open.appender.isPlaced === true;
  }

  /**
   * Appends the part of an incomplete body that has arrived, if the protocol keeps it (contract 72).
   *
   * @returns the number of bytes
   * @throws as {@link append}
   */
  appendPart(piece: Uint8Array): number {
    if (!this.request.keepsPartialBody) return 0;
    this.append(piece)?.catch(ignore);
    return piece.length;
  }
}

function ignore(): void {}
