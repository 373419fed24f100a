/** A chunk of the build: what it imports at once, what when it is needed, and how large it is. */
export interface Chunk {
  file: string;
  isEntry: boolean;
  imports: readonly string[];
  dynamicImports: readonly string[];
  /** Of the page that the chunk is made for; null for shared code. */
  page: string | null;
  gzipBytes: number;
}

export interface FirstLoad {
  page: string;
  gzipBytes: number;
}

/**
 * What a browser with an empty cache loads of JavaScript for each page: the entry, the layout around all pages, and the page,
 * each with all that it imports at once. What they import when it is needed (charts, the terminal) does not count.
 */
export function firstLoads(chunks: readonly Chunk[], layout: string): FirstLoad[] {
  const byFile = new Map(chunks.map((chunk) => [chunk.file, chunk]));
  const entries = chunks.filter(({ isEntry }) => isEntry).map(({ file }) => file);
  const around = chunks.filter(({ page }) => page === layout).map(({ file }) => file);
  const pages = chunks.filter(({ page }) => page !== null && page !== layout);
  const loads = pages.map(({ file, page }) => {
    const loaded = closure([...entries, ...around, file], byFile);
    const gzipBytes = loaded.reduce((sum, one) => sum + one.gzipBytes, 0);
    return { page: page ?? '', gzipBytes };
  });
  return loads.sort((one, other) => other.gzipBytes - one.gzipBytes);
}

function closure(files: readonly string[], byFile: ReadonlyMap<string, Chunk>): Chunk[] {
  const seen = new Map<string, Chunk>();
  const waiting = [...files];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const chunk = byFile.get(file);
    if (chunk === undefined || seen.has(file)) continue;
    seen.set(file, chunk);
    waiting.push(...chunk.imports);
  }
  return [...seen.values()];
}
