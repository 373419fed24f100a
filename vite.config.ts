import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { compressAssets } from './scripts/dashboard/compressAssets.ts';
import { limitFirstLoad } from './scripts/dashboard/limitFirstLoad.ts';

/** Where `npm run dev:web` finds the API. */
const api = process.env['DRAYAGE_URL'] ?? 'http://127.0.0.1:7480';

/** The dashboard: `npm run build:web` writes web/dist, which the API serves. */
export default defineConfig({
  root: 'web',
  plugins: [svelte({ configFile: 'svelte.config.js' }), limitFirstLoad({ kilobytes: 200 }), compressAssets()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The first that know light-dark(), which the colours are written with.
    target: ['chrome123', 'edge123', 'firefox128', 'safari17.5'],
    // The policy allows no images and fonts within style sheets but those of files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // Told not to run texts as programs in the same file, zod knows it before any schema is made, whichever file has that.
        codeSplitting: { groups: [{ name: 'zod', test: /node_modules[\\/]zod[\\/]|withoutEval/ }] },
      },
    },
  },
  server: { proxy: { '/api': { target: api, ws: true } } },
});
