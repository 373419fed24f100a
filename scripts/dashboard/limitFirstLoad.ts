import { relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { type Chunk, firstLoads } from './firstLoad.ts';

/** Of the layout and of the pages, below web/. */
const LAYOUT = 'lib/shell/Shell.svelte';
const PAGE = /^pages\/.+\.svelte$/;

/** Says what the first load of a page costs in JavaScript, and ends the build when one costs more than the limit. */
export function limitFirstLoad({ kilobytes }: { kilobytes: number }): Plugin {
  let root = '';
  return {
    name: 'drayage:limit-first-load',
    apply: 'build',
    configResolved: (config) => {
      root = config.root;
    },
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).flatMap((one): Chunk[] => {
        if (one.type !== 'chunk') return [];
        const { fileName: file, isEntry, imports, dynamicImports, facadeModuleId, code } = one;
        const module = facadeModuleId === null ? '' : relative(root, facadeModuleId);
        const page = module === LAYOUT || PAGE.test(module) ? module : null;
        return [{ file, isEntry, imports, dynamicImports, page, gzipBytes: gzipSync(code).length }];
      });
      const loads = firstLoads(chunks, LAYOUT);
      const [largest] = loads;
      if (!largest) throw new Error('The build has no pages: is web/pages where limitFirstLoad looks?');
      const said = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
      this.info(
        `first load: ${said(largest.gzipBytes)} of JavaScript (gzip) for ${largest.page}, the most of ${String(loads.length)} pages; allowed: ${String(kilobytes)} kB`,
      );
      const over = loads.filter(({ gzipBytes }) => gzipBytes > kilobytes * 1000);
      if (over.length === 0) return;
      const list = over.map(({ page, gzipBytes }) => `${page}: ${said(gzipBytes)}`).join('\n');
      this.error(
        `More than ${String(kilobytes)} kB of JavaScript on the first load:\n${list}\nLoad what a page does not need at once by import().`,
      );
    },
  };
}
