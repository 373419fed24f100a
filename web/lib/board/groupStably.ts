/**
 * Groups items by a key, again and again. A group that has the same items as the last time is the same array as then, so that
 * what shows it has nothing to do.
 */
export function groupStably<T>(
  keyOf: (item: T) => string,
): (items: readonly T[]) => ReadonlyMap<string, readonly T[]> {
  let before: ReadonlyMap<string, readonly T[]> = new Map();
  return (items) => {
    const groups = new Map<string, readonly T[]>(Map.groupBy(items, keyOf));
    for (const [key, group] of groups) {
      const known = before.get(key);
      if (known?.length === group.length && known.every((item, at) => item === group[at]))
        groups.set(key, known);
    }
    before = groups;
    return groups;
  };
}
