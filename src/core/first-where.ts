/**
 * The first number below `count` for which `holds` is true, by binary search: `holds` must be true for all numbers
 * after it. Returns `count` if there is none.
 */
export function firstWhere(count: number, holds: (n: number) => boolean): number {
  let from = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
