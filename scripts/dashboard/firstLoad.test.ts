import { expect, it } from 'vitest';
import { type Chunk, firstLoads } from './firstLoad.ts';

const chunk = (file: string, gzipBytes: number, over: Partial<Chunk> = {}): Chunk => ({
  ...{ file, gzipBytes, isEntry: false, imports: [], dynamicImports: [], page: null },
  ...over,
});

it('counts the entry, the layout and the page once each, with what they import at once', () => {
  const chunks = [
    chunk('main.js', 10, { isEntry: true, imports: ['svelte.js'], dynamicImports: ['home.js', 'shell.js'] }),
    chunk('svelte.js', 20),
    chunk('shell.js', 5, { page: 'lib/Shell.svelte', imports: ['svelte.js', 'main.js'] }),
    chunk('home.js', 3, { page: 'pages/Home.svelte', imports: ['table.js'], dynamicImports: ['chart.js'] }),
    chunk('table.js', 4, { imports: ['svelte.js'] }),
    chunk('chart.js', 1000),
    chunk('other.js', 1, { page: 'pages/Other.svelte' }),
  ];
  expect(firstLoads(chunks, 'lib/Shell.svelte')).toEqual([
    { page: 'pages/Home.svelte', gzipBytes: 42 },
    { page: 'pages/Other.svelte', gzipBytes: 36 },
  ]);
});
