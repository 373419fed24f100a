/**
 * A sorted list with some of its items changed, new or (null) gone, sorted again. The list itself stays as it is; one that
 * nothing has changed in comes back itself. Takes time with the length of the list, not with that of a new sort.
 */
export function applyChanges<T extends { id: string }>(
  items: readonly T[],
  changes: ReadonlyMap<string, T | null>,
  order: (one: T, other: T) => number,
): readonly T[] {
  const kept = items.filter(({ id }) => !changes.has(id));
  const put = [...changes.values()].filter((item) => item !== null).sort(order);
  if (put.length === 0) return kept.length === items.length ? items : kept;
  const merged: T[] = [];
  let at = 0;
  for (const item of kept) {
    for (let next = put[at]; next !== undefined && order(next, item) < 0; next = put[at]) {
      merged.push(next);
      at += 1;
    }
    merged.push(item);
  }
  return merged.concat(put.slice(at));
}
