/**
 * Bundles the workflows into one file, as the control worker does at its start where it is not told of one
 * (DRAYAGE_WORKFLOW_BUNDLE): a container starts faster with it, and the bundler needs a cache to write to.
 *
 *   node deploy/bundleWorkflows.ts FILE
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('Say which file the bundle is to be written to.');
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('WARN'),
});
writeFileSync(file, code);
