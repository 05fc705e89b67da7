/**
 * Sets that are usually empty. An empty `Set` takes 170 bytes, and a server may have thousands of streams with several
 * sets each. So all empty sets share one object, and a separate set is created for the first member.
 */
const EMPTY: ReadonlySet<never> = new Set<never>();

export function emptySet<T>(): ReadonlySet<T> {
  return EMPTY;
}

/** Adds a member and returns the set to use from now on: the same set unless it was the shared empty one. */
export function added<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  if (set === EMPTY) return new Set([member]);
  return (set as Set<T>).add(member);
}

/** Removes a member and returns the set to use from now on: the shared empty one if no member is left. */
export function removed<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  if (set !== EMPTY) (set as Set<T>).delete(member);
  return set.size === 0 ? EMPTY : set;
}
