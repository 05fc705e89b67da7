/**
 * What the flags of an open file let it do. Only the two lowest bits count: bit 0 set writes only, else bit 1 set reads
 * and writes, else it reads only. The higher bits mean different things in different SDKs (contract 49), so no plugin
 * honours them: nothing is truncated or moved to a file's end by a bit that may not have meant that.
 */

export interface Access {
  readonly reads: boolean;
  readonly writes: boolean;
}

export function accessOf(flags: number): Access {
  const writesOnly = (flags & 1) !== 0;
  return { reads: !writesOnly, writes: writesOnly || (flags & 2) !== 0 };
}
