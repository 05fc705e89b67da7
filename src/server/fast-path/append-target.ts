/**
 * Where the short bodies of a connection go, and how they are answered. A client that writes message by message sends one and
 * the same head again and again: what it means is worked out once, and each further one is only compared.
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
  private before = '';
  private behind = '';
  private date = '';
  private generation = '';

  /**
   * @param length of its bodies
   * @param version of all that the meaning of a head, and its answer, depend on
   * @param vary a line of the answer
   */
  constructor(request: AppendRequest, head: Buffer, length: number, open: OpenAppend, version: number, vary: string) {
    this.request = request;
    this.head = head;
    this.length = length;
    this.open = open;
    this.version = version;
    this.vary = vary;
  }

  /** Whether the same head stands at a position, and still means the same. */
  isAt(bytes: Buffer, at: number, version: number): boolean {
    const end = at + this.head.length;
    return end <= bytes.length && this.version === version && this.head.compare(bytes, at, end) === 0;
  }

  get expectsContinue(): boolean {
    return this.request.head.expectsContinue;
  }

  /** Whether 100 Continue must not be sent: the stream has ended, so the body would be refused. */
  get isRefused(): boolean {
    return this.expectsContinue && this.open.appender.isOver;
  }

  /** The answer to an append that has just been done. */
  answer(): string {
    const { open } = this;
    const date = httpDate();
    const { generation } = open.appender;
    if (date !== this.date || generation !== this.generation) {
      this.date = date;
      this.generation = generation;
      [this.before, this.behind] = open.around(this.length, this.vary);
    }
    return this.before + open.end() + this.behind;
  }

  /**
   * Appends a body: to the stream that was found, or where that has ended to another at the same path.
   *
   * @throws what there is to be said of the path, and what `append` throws; nothing is written then
   */
  append(piece: Uint8Array): void | Promise<void> {
    if (this.open.appender.isOver) {
      const open = this.request.open();
      if (open === undefined) throw createError('STREAM_CLOSED');
      this.open = open;
      this.date = '';
    }
    return this.open.appender.append(piece);
  }

  /**
   * Appends what has come of a body that will not be whole, if the protocol wants that (contract 72).
   *
   * @returns how many bytes it is
   * @throws as {@link append}
   */
  appendPart(piece: Uint8Array): number {
    if (!this.request.takesParts) return 0;
    this.append(piece)?.catch(ignore);
    return piece.length;
  }
}

function ignore(): void {}
