/**
 * The access that the flags of an open file grant. The SDKs of AGFS use different tables. A bit counts if it has the
 * same meaning in all of them, or a meaning in one and none in the others (contract 91):
 *
 * | bits    | pyagfs     | Go SDK, agfs-fuse | here                                                       |
 * |---------|------------|-------------------|------------------------------------------------------------|
 * | 1, 2    | write only, read and write     | the same                                           |
 * | 8, 1024 | 8: append  | 1024: append      | every write goes to the end of the file                    |
 * | 16      | create     |                   | an absent file is created                                  |
 * | 32      | exclusive  |                   | with 16, or create=true: an existing file is refused       |
 * | 64      | truncate   | create            | ignored, since the meanings conflict                       |
 * | 128     |            | exclusive         | ignored: agfs-fuse creates the file first, then opens it so |
 * | 512     |            | truncate          | ignored: agfs-fuse truncates with a separate request       |
 *
 * Streams use only the two lowest bits (contract 49).
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
  /** Every write goes to the end, whatever its offset. */
  readonly appends: boolean;
  /** An absent file is created. */
  readonly creates: boolean;
  /** An existing file is refused. */
  readonly isExclusive: boolean;
}

/** @param create the request's parameter, which overrides the flags */
export function fileAccessOf(flags: number, create?: boolean): FileAccess {
  const { reads, writes } = accessOf(flags);
  const asksForFile = create ?? (flags & CREATE) !== 0;
  const isExclusive = asksForFile && (flags & EXCLUSIVE) !== 0;
  // A read-only handle creates nothing: the right to read is enough to open it.
  return { reads, writes, appends: (flags & APPEND) !== 0, creates: asksForFile && writes, isExclusive };
}
