/**
 * Sets of which most are empty most of the time: an empty one takes 170 bytes, and a server may have thousands of
 * streams with several each. So all empty ones are the same, and a set of its own is made for the first member.
 */
const EMPTY: ReadonlySet<never> = new Set<never>();

export function emptySet<T>(): ReadonlySet<T> {
  return EMPTY;
}

/** The set to go on with: the same where it has members. */
export function added<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  if (set === EMPTY) return new Set([member]);
  return (set as Set<T>).add(member);
}

/** The set to go on with: the shared one where no member is left. */
export function removed<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  if (set !== EMPTY) (set as Set<T>).delete(member);
  return set.size === 0 ? EMPTY : set;
}
