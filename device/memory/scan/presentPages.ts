import { readSync } from 'node:fs';
import type { Mapping, PageRange } from './readMappings.ts';

/** Entries that are read at once. */
const ENTRIES = 8192;
/** Bits of the upper half of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const FILE = 1 << 29;
/** A page that may not be touched (MADV_GUARD_INSTALL); it reads as swapped and has no content. */
const GUARD = 1 << 26;

/** The pages of a mapping that have a content of the process's own, in order. `pagemap`: the process's, open. */
export function* presentPages(pagemap: number, mapping: Mapping): Generator<PageRange> {
  const entries = new Uint32Array(ENTRIES * 2);
  const bytes = Buffer.from(entries.buffer);
  let run = null as PageRange | null;
  for (let page = mapping.start; page < mapping.end;) {
    const count = Math.min(ENTRIES, mapping.end - page);
    const got = readSync(pagemap, bytes, 0, count * 8, page * 8) >> 3;
    if (got === 0) break;
    for (let index = 0; index < got; index++, page++) {
      if (!isThere(entries[index * 2 + 1]!, mapping)) continue;
      if (run?.end === page) run.end += 1;
      else {
        if (run) yield run;
        run = { start: page, end: page + 1 };
      }
    }
  }
  if (run) yield run;
}

/** A private mapping's page of a file is the file's, as long as nothing was written to it. */
function isThere(bits: number, { kind }: Mapping): boolean {
  if ((bits & (PRESENT | SWAPPED)) === 0 || (bits & GUARD) !== 0) return false;
  return kind === 'shared' || (bits & FILE) === 0;
}
