/**
 * Items by a key. A group that has the same items as before is the same array as before, so that what shows it has nothing
 * to do.
 */
export function groupStably<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  before: ReadonlyMap<string, readonly T[]>,
): Map<string, readonly T[]> {
  const groups = new Map<string, readonly T[]>(Map.groupBy(items, keyOf));
  for (const [key, group] of groups) {
    const known = before.get(key);
    if (known && known.length === group.length && known.every((item, at) => item === group[at]))
      groups.set(key, known);
  }
  return groups;
}
