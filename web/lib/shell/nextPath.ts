/** Where to go after signing in, of an address's `next`: a path of this page, or the overview. Never another site. */
export function nextPath(next: unknown): string {
  if (typeof next !== 'string' || !/^\/(?![/\\])/.test(next)) return '/';
  return next;
}
