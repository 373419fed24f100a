/** Does something for each of many, so many at a time; the results in the order of the many. */
export async function eachOf<T, R>(
  many: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = many.entries();
  const worker = async () => {
    for (const [at, one] of waiting) results[at] = await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, many.length) }, worker));
  return results;
}
