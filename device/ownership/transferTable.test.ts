import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransferDeps, TransferRequest } from './ports.ts';
import { TransferTable } from './transferTable.ts';

const request: TransferRequest = {
  ...{ transfer: '0'.repeat(32), migration: 'mig_000000000001', group: 'grp_000000000001', epoch: 2 },
  ...{ peer: { id: 'dev_000000000002', linkAddress: '10.0.0.2:7444' }, computes: [] },
};
const cause = { code: 'notSwitched', message: 'It ended.', mend: 'm' };

let directory: string;
let table: TransferTable;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drayage-table-'));
  const deps = { stateDir: join(directory, 'state'), runDir: join(directory, 'run'), log: () => undefined };
  table = new TransferTable(deps as unknown as TransferDeps);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the transfers of a device', () => {
  test('a source that was disarmed before it was told to arm never arms', async () => {
    await table.disarmSource(request.transfer, cause);
    expect(await table.source(request)).toMatchObject({ state: 'thawed', frozenMs: null });
    expect(table.open).toBe(0);
  });

  test('images of a transfer of which nothing was written go when the worker begins anew', async () => {
    await mkdir(join(directory, 'run/images', request.transfer, 'cmp_000000000001'), { recursive: true });
    await table.recover();
    expect(await readdir(join(directory, 'run/images'))).toEqual([]);
  });
});
