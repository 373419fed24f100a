/** Has Temporal's SDK download the development server, and leaves it as `temporal` in the folder given. */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';

const folder = process.argv[2];
if (folder === undefined) throw new Error('Usage: download-temporal.ts FOLDER');

const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir: folder } },
});
await environment.teardown();
const binary = (await readdir(folder)).find((name) => name.startsWith('temporal'));
if (binary === undefined) throw new Error(`The SDK left no server in ${folder}`);
await rename(join(folder, binary), join(folder, 'temporal'));
