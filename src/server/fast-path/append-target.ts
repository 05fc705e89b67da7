/**
 * Where the short bodies of a connection go, and how they are answered. A client that writes message by message sends one and
 * the same head again and again: what it means is worked out once, and each further one is only compared.
 */
import { createError } from '../../errors/index.ts';
import type { Appender, CreateOptions, MountTable } from '../../fs/index.ts';
import { httpDate, writtenParts } from '../http/response-text.ts';

export class AppendTarget {
  readonly headLength: number;
  readonly length: number;
  readonly path: string;
  readonly expectsContinue: boolean;
  /** The account that a new stream is created on. */
  readonly creating: CreateOptions | undefined;
  /** With the empty line that ends it. */
  readonly head: Buffer;
  private appender: Appender;
  private readonly version: number;
  /** What stands before and behind the end offset in an answer. */
  private before = '';
  private behind = '';
  private date = '';
  private generation = '';

  /** @param version of all that the meaning of a head depends on */
  constructor(
    {
      head,
      length,
      path,
      expectsContinue,
      creating,
    }: Pick<AppendTarget, 'head' | 'length' | 'path' | 'expectsContinue' | 'creating'>,
    appender: Appender,
    version: number,
  ) {
    this.head = head;
    this.headLength = head.length;
    this.length = length;
    this.path = path;
    this.expectsContinue = expectsContinue;
    this.creating = creating;
    this.appender = appender;
    this.version = version;
  }

  /** Whether the same head stands at a position, and still means the same. */
  isAt(bytes: Buffer, at: number, version: number): boolean {
    const end = at + this.headLength;
    return end <= bytes.length && this.version === version && this.head.compare(bytes, at, end) === 0;
  }

  /** Whether 100 Continue must not be sent: the stream has ended, so the body would be refused. */
  get isRefused(): boolean {
    return this.expectsContinue && this.appender.isOver;
  }

  /** The answer to an append that has just been done. */
  answer(): string {
    const date = httpDate();
    const { generation } = this.appender;
    if (date !== this.date || generation !== this.generation) {
      this.date = date;
      this.generation = generation;
      [this.before, this.behind] = writtenParts(this.length, generation, this.appender.durability);
    }
    return this.before + this.appender.endOffset + this.behind;
  }

  /**
   * Appends a body: to the stream that was found, or where that has ended to another at the same path.
   *
   * @throws what there is to be said of the path, and what `append` throws; nothing is written then
   */
  append(piece: Uint8Array, mounts: Pick<MountTable, 'tryAppend'>): void | Promise<void> {
    if (this.appender.isOver) {
      const appender = mounts.tryAppend(this.path, this.creating);
      if (appender === undefined) throw createError('STREAM_CLOSED');
      this.appender = appender;
      this.date = '';
    }
    return this.appender.append(piece);
  }
}
