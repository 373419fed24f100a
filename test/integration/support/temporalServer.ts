import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { defineSearchAttributeKey } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker';
import { cacheDirectory } from '../../../lab/programs/cacheDirectory.ts';
import { workflowBundle } from '../../../workers/workflowBundle.ts';
import { SearchAttribute } from '../../../workflows/contract.ts';

/** Starts a real Temporal server of the test's own, with our search attributes. The caller tears it down. */
export async function startTemporal(): Promise<TestWorkflowEnvironment> {
  // Workflows that fail are the subject of these tests.
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const searchAttributes = Object.values(SearchAttribute).map((name) =>
    defineSearchAttributeKey(name, 'KEYWORD'),
  );
  return TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path: serverProgram() }, searchAttributes },
  });
}

/** The workflows as a control worker runs them, from the same cache. */
export function bundleWorkflows(): Promise<WorkflowBundle> {
  return workflowBundle(cacheDirectory(), new DefaultLogger('ERROR'));
}

/** The server that `npm run` has put into the cache, or the one the environment names. */
function serverProgram(): string {
  const cache = cacheDirectory();
  const found = [process.env['DRAYAGE_TEMPORAL'] ?? '', ...globSync(join(cache, 'temporal-*/temporal'))].find(
    existsSync,
  );
  if (!found) throw new Error(`no Temporal server in ${cache}: run npm test, which fetches it`);
  return found;
}
