/**
 * What the flags of an open file let it do. The SDKs of AGFS send different tables; a bit counts where it means the same
 * in all of them, or means something in one and nothing in the others (contract 91):
 *
 * | bits    | pyagfs     | Go SDK, agfs-fuse | here                                                       |
 * |---------|------------|-------------------|------------------------------------------------------------|
 * | 1, 2    | write only, read and write     | the same                                           |
 * | 8, 1024 | 8: append  | 1024: append      | every write goes to the end of the file                    |
 * | 16      | create     |                   | an absent file is created                                  |
 * | 32      | exclusive  |                   | with 16, or create=true: a file that is there is refused   |
 * | 64      | truncate   | create            | nothing, since it may have meant the other                 |
 * | 128     |            | exclusive         | nothing: agfs-fuse creates the file first, then opens it so |
 * | 512     |            | truncate          | nothing: agfs-fuse truncates by a request of its own       |
 *
 * A stream knows only the two lowest (contract 49).
 */

const APPEND = 8 | 1024;
const CREATE = 16;
const EXCLUSIVE = 32;

export interface Access {
  readonly reads: boolean;
  readonly writes: boolean;
}

export function accessOf(flags: number): Access {
  const writesOnly = (flags & 1) !== 0;
  return { reads: !writesOnly, writes: writesOnly || (flags & 2) !== 0 };
}

/** How an ordinary file is opened. */
export interface FileAccess extends Access {
  /** Every write goes to the end, wherever it is asked to go. */
  readonly appends: boolean;
  /** An absent file is to be made. */
  readonly creates: boolean;
  /** A file that is there is refused. */
  readonly isExclusive: boolean;
}

/** @param create what the request says beside the flags, which has the last word */
export function fileAccessOf(flags: number, create?: boolean): FileAccess {
  const { reads, writes } = accessOf(flags);
  const asksForFile = create ?? (flags & CREATE) !== 0;
  const isExclusive = asksForFile && (flags & EXCLUSIVE) !== 0;
  // A handle that only reads makes nothing: the right to read is enough to open it.
  return { reads, writes, appends: (flags & APPEND) !== 0, creates: asksForFile && writes, isExclusive };
}
