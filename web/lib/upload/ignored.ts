/** Names what of a folder stays behind, one pattern a line. */
export const IGNORE_NAME = '.drayageignore';
/** Never sent. */
const ALWAYS = '.git';

/**
 * Whether a file (a path below the folder) stays behind, by the lines of .drayageignore: patterns as GNU tar's --exclude-from
 * takes them. One may begin at any folder, its wildcards match `/` too, and what matches a folder matches all that is in it.
 */
export function ignoredBy(lines: string): (path: string) => boolean {
  const patterns = lines
    .split(/\r?\n/)
    .map((line) => line.replace(/^\.\//, '').replace(/\/$/, ''))
    .filter((line) => line !== '')
    .map(toExpression);
  return (path) =>
    path === ALWAYS || path.startsWith(`${ALWAYS}/`) || patterns.some((pattern) => pattern.test(path));
}

function toExpression(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|\[(!?)([^\]]+)\]|[*?]|[^\w\s]/gs, (part, escaped, not, within) => {
    if (typeof escaped === 'string') return escapeRegExp(escaped);
    if (typeof within === 'string') return `[${not === '!' ? '^' : ''}${within.replaceAll('\\', '\\\\')}]`;
    if (part === '*') return '.*';
    return part === '?' ? '.' : escapeRegExp(part);
  });
  return new RegExp(`(^|/)${source}(/|$)`, 's');
}

const escapeRegExp = (text: string) => text.replace(/[^\w\s]/g, '\\$&');
