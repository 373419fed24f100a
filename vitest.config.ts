import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const NEVER = ['**/node_modules/**', '**/dist/**'];

/** Of the lab's and the browser's tests, those that `npm test` leaves to `npm run test:long`: together they take thirteen minutes. */
const LATER = [
  'test/lab/{computeStreams,discovery,metrics,network,reboot,silence}.test.ts',
  'test/lab/memory{Faults,Filling,Limits,Moves}.test.ts',
  'test/browser/{computes,devices,evacuations,settings}.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts', ...LATER],
          exclude: NEVER,
          globalSetup: ['test/lab/globalSetup.ts', 'test/integration/support/globalSetup.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'vm',
          // The failure tests are those of the lab, on devices with kernels of their own.
          include: [
            'test/vm/**/*.test.ts',
            'test/lab/{failures,crashes}.test.ts',
            'test/long/crashes.test.ts',
          ],
          exclude: NEVER,
          globalSetup: ['test/vm/globalSetup.ts'],
          env: { DRAYAGE_TEST_PATIENCE: '10' },
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 10_800_000,
        },
      },
      {
        // The dashboard's state is written with runes, which are compiled.
        plugins: [svelte({ configFile: 'web/svelte.config.js' })],
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...NEVER, 'test/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: NEVER,
          globalSetup: ['test/integration/support/globalSetup.ts'],
          // Much of their time they wait, for timers and other programs.
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          exclude: [...NEVER, ...LATER],
          globalSetup: ['test/integration/support/globalSetup.ts'],
          // Each has a browser, an API and a database, which wait for each other.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          exclude: [...NEVER, ...LATER],
          globalSetup: ['test/lab/globalSetup.ts'],
          // The files share labs and the machine: one after the other.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
