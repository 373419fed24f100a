/** Compares the leading numbers of two versions, as `sort -V` does: negative when a is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The leading numbers of a version, e.g. 28.5.2 of 28.5.2+dfsg4; 0 when it has none. */
export function leadingNumbers(version: string): string {
  return /\d+(\.\d+)*/.exec(version)?.[0] ?? '0';
}

function numbers(version: string): number[] {
  return leadingNumbers(version).split('.').map(Number);
}
