/** Lengths of chunks as text: `N` for one, `N*TIMES` for consecutive equal ones, separated by commas. */

export function textOfLengths(chunks: readonly Uint8Array[]): string {
  let text = '';
  for (let n = 0; n < chunks.length; ) {
    const { length } = chunks[n]!;
    let next = n + 1;
    while (next < chunks.length && chunks[next]!.length === length) next++;
    const times = next - n;
    text += `${n === 0 ? '' : ','}${times === 1 ? length : `${length}*${times}`}`;
    n = next;
  }
  return text;
}

/** Splits the bytes of a batch into its chunks. */
export function chunksOf(bytes: Buffer, lengths: string): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const group of lengths.split(',')) {
    const star = group.indexOf('*');
    const length = Number(star < 0 ? group : group.slice(0, star));
    const times = star < 0 ? 1 : Number(group.slice(star + 1));
    for (let n = 0; n < times; n++, at += length) chunks.push(bytes.subarray(at, at + length));
  }
  return chunks;
}
