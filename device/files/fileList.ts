import type { Readable } from 'node:stream';

/**
 * A list of a directory's files as `find` and `sort` print it: one record a name, ended by NUL, sorted by path bytewise.
 * Paths are held as latin1 text, one character a byte, since file names need not be UTF-8.
 */
export interface ListedFile {
  /** Relative, beginning with `./`; `.` is the directory itself. */
  path: string;
  /** find's letter: f, d, l, ... */
  type: string;
  /** All that tells this file from a later state of it: type, inode, size, change time. */
  state: string;
  /** When content or attributes changed last, nanoseconds since 1970; no program can set it. */
  changedAt: bigint;
}

/** find's -printf format, and where in it the path begins (field of `sort`). */
export const RECORD_FORMAT = '%y %i %s %C@ %p\\0';
export const PATH_FIELD = 5;

const RECORD = /^((\S+) \S+ \S+ (\d+)\.(\d{9})\d*) ([^]*)$/;

/** One record without its NUL. */
export function parseRecord(record: string): ListedFile {
  const [, state, type, seconds, fraction, path] = RECORD.exec(record) ?? [];
  if (state === undefined || type === undefined || path === undefined)
    throw new Error(`no record of find: ${record}`);
  return { path, type, state, changedAt: BigInt(`${seconds}${fraction}`) };
}

/** Batches of records, as they come; batches keep the cost of a record small. */
export async function* readList(stream: Readable): AsyncGenerator<ListedFile[]> {
  let rest = '';
  for await (const chunk of stream) {
    const records = (rest + (chunk as Buffer).toString('latin1')).split('\0');
    rest = records.pop() ?? '';
    if (records.length > 0) yield records.map(parseRecord);
  }
  if (rest !== '') throw new Error('the list of files ends within a record');
}

/** What has to be done to the target. */
export interface ListDifference {
  /** Names to be removed, with all below them, before `changed` is written. */
  removed: string[];
  /** Names to be sent anew. */
  changed: string[];
}

/**
 * Compares two lists. A file is sent again when its state differs, or when it changed so shortly before (or after) the
 * previous list was made that a later change could bear the same time.
 *
 * @param unsureSince nanoseconds since 1970, the start of the previous list less a margin
 */
export async function compareLists(
  previous: AsyncIterable<ListedFile[]>,
  current: AsyncIterable<ListedFile[]>,
  unsureSince: bigint,
): Promise<ListDifference> {
  const result: ListDifference = { removed: [], changed: [] };
  const replaced = new Set<string>();
  const before = cursor(previous);
  const now = cursor(current);
  let old = await before();
  let file = await now();
  while (old || file) {
    if (old && (!file || old.path < file.path)) {
      if (!isBelow(replaced, old.path)) {
        result.removed.push(old.path);
        replaced.add(old.path);
      }
      old = await before();
    } else if (file && (!old || file.path < old.path)) {
      result.changed.push(file.path);
      file = await now();
    } else if (old && file) {
      compareFile(old, file);
      old = await before();
      file = await now();
    }
  }
  return result;

  function compareFile(old: ListedFile, file: ListedFile): void {
    if (isBelow(replaced, file.path)) {
      result.changed.push(file.path);
    } else if (isReplacement(old, file)) {
      result.removed.push(file.path);
      replaced.add(file.path);
      result.changed.push(file.path);
    } else if (old.state !== file.state || file.changedAt >= unsureSince) {
      result.changed.push(file.path);
    }
  }
}

/**
 * A directory that came in the place of something, or went: what is there on the target has to go first. (A file in the
 * place of a file is replaced by tar itself.) The root stays what it is.
 */
function isReplacement(old: ListedFile, file: ListedFile): boolean {
  if (file.path === '.') return false;
  if (old.type !== 'd' && file.type !== 'd') return false;
  return old.type !== file.type || inodeOf(old) !== inodeOf(file);
}

function inodeOf(file: ListedFile): string | undefined {
  return file.state.split(' ', 2)[1];
}

/** Whether a directory above `path` is in the set. Those come first in the order of the lists. */
function isBelow(directories: ReadonlySet<string>, path: string): boolean {
  if (directories.size === 0) return false;
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (directories.has(path.slice(0, end))) return true;
  }
  return false;
}

type Cursor = () => ListedFile | null | Promise<ListedFile | null>;

/** One record after another; waits only where a batch ends. */
function cursor(batches: AsyncIterable<ListedFile[]>): Cursor {
  const iterator = batches[Symbol.asyncIterator]();
  let batch: ListedFile[] = [];
  let index = 0;
  const refill = async (): Promise<ListedFile | null> => {
    const next = await iterator.next();
    if (next.done) return null;
    batch = next.value;
    index = 1;
    return batch[0] ?? null;
  };
  return () => batch[index++] ?? refill();
}
