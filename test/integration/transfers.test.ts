import { describe, expect, it } from 'vitest';
import type { TransferReport, TransferRole, VerdictWish } from '../../core/transfer.ts';
import { removeCompute } from '../../db/computes.ts';
import { advancePlacement, getPlacement } from '../../db/placements.ts';
import { askVerdict, closeTransfer, getTransfer, openTransfer, reportTransfer } from '../../db/transfers.ts';
import { useDatabase } from './support/database.ts';
import { makeTransfer, transferId } from './support/fixtures.ts';

const database = useDatabase();

const refusal = async (action: Promise<unknown>): Promise<string> =>
  action.then(
    () => 'accepted',
    (error: unknown) => (error as { cause_?: { code: string } }).cause_?.code ?? String(error),
  );

describe('opening a transfer', () => {
  it('is refused while another is open for the group', async () => {
    const { db } = database;
    const { opening, id } = await makeTransfer(db);
    expect(await refusal(openTransfer(db, { ...opening, id: transferId() }))).toBe('transferOpen');
    expect((await getPlacement(db, opening.group)).transferId).toBe(id);
  });

  it('finds its own work when it is repeated, also at the same moment', async () => {
    const { db } = database;
    const { opening, id } = await makeTransfer(db);
    await closeTransfer(db, id, 'thawed');
    const next = { ...opening, id: transferId() };
    const opened = await Promise.all([
      openTransfer(db, next),
      openTransfer(db, next),
      openTransfer(db, next),
    ]);
    expect(opened.map((row) => row.id)).toEqual([next.id, next.id, next.id]);
    expect(await refusal(openTransfer(db, { ...next, epoch: 9 }))).toBe('transferOpen');
  });

  it('lets one of several different ones win', async () => {
    const { db } = database;
    const { opening, id } = await makeTransfer(db);
    await closeTransfer(db, id, 'thawed');
    const results = await Promise.all(
      Array.from({ length: 8 }, () => refusal(openTransfer(db, { ...opening, id: transferId() }))),
    );
    expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
    expect(results.filter((result) => result === 'transferOpen')).toHaveLength(7);
  });

  it('needs the placement to be as the caller believes', async () => {
    const { db } = database;
    const { opening, id, target } = await makeTransfer(db);
    await reportTransfer(db, id, 'owner');
    expect(await refusal(openTransfer(db, { ...opening, id: transferId() }))).toBe('placementChanged');
    const back = {
      ...opening,
      id: transferId(),
      source: target,
      target: opening.source,
      epoch: opening.epoch + 1,
    };
    expect(await refusal(openTransfer(db, back))).toBe('accepted');
    expect(
      await refusal(openTransfer(db, { ...back, id: transferId(), group: 'grp_000000000000' })),
    ).not.toBe('accepted');
  });
});

type Step = `${TransferRole}:${VerdictWish}` | TransferReport;

/** Every order of questions and reports that the protocol's parties can produce, and some that they cannot. */
const histories: {
  steps: Step[];
  verdict: 'none' | 'go' | 'abort';
  closed: boolean;
  placement: 'source' | 'sourceNextEpoch' | 'target';
  refused?: Step[];
}[] = [
  { steps: [], verdict: 'none', closed: false, placement: 'source' },
  { steps: ['source:verdict', 'target:verdict'], verdict: 'none', closed: false, placement: 'source' },
  { steps: ['source:go', 'target:abort'], verdict: 'none', closed: false, placement: 'source' },
  { steps: ['target:go'], verdict: 'go', closed: false, placement: 'source' },
  { steps: ['source:abort'], verdict: 'abort', closed: true, placement: 'source' },
  { steps: ['target:go', 'source:abort'], verdict: 'go', closed: false, placement: 'source' },
  { steps: ['source:abort', 'target:go'], verdict: 'abort', closed: true, placement: 'source' },
  { steps: ['owner'], verdict: 'go', closed: true, placement: 'target' },
  { steps: ['released'], verdict: 'go', closed: true, placement: 'target' },
  { steps: ['owner', 'released', 'owner'], verdict: 'go', closed: true, placement: 'target' },
  { steps: ['target:go', 'owner', 'source:abort'], verdict: 'go', closed: true, placement: 'target' },
  {
    steps: ['owner', 'discarded', 'thawed'],
    verdict: 'go',
    closed: true,
    placement: 'target',
    refused: ['discarded', 'thawed'],
  },
  { steps: ['thawed'], verdict: 'abort', closed: true, placement: 'source' },
  {
    steps: ['thawed', 'target:go', 'discarded', 'thawed'],
    verdict: 'abort',
    closed: true,
    placement: 'source',
  },
  { steps: ['thawed', 'owner'], verdict: 'abort', closed: true, placement: 'source', refused: ['owner'] },
  { steps: ['source:abort', 'discarded', 'thawed'], verdict: 'abort', closed: true, placement: 'source' },
  {
    steps: ['source:abort', 'owner', 'released'],
    verdict: 'abort',
    closed: true,
    placement: 'source',
    refused: ['owner', 'released'],
  },
  { steps: ['discarded'], verdict: 'abort', closed: true, placement: 'sourceNextEpoch' },
  {
    steps: ['discarded', 'source:abort', 'thawed', 'discarded'],
    verdict: 'abort',
    closed: true,
    placement: 'sourceNextEpoch',
  },
  {
    steps: ['discarded', 'owner'],
    verdict: 'abort',
    closed: true,
    placement: 'sourceNextEpoch',
    refused: ['owner'],
  },
  { steps: ['target:go', 'discarded'], verdict: 'abort', closed: true, placement: 'sourceNextEpoch' },
  {
    steps: ['target:go', 'discarded', 'source:verdict', 'thawed'],
    verdict: 'abort',
    closed: true,
    placement: 'sourceNextEpoch',
  },
  {
    steps: ['target:go', 'thawed', 'discarded'],
    verdict: 'abort',
    closed: true,
    placement: 'sourceNextEpoch',
  },
  {
    steps: ['target:go', 'discarded', 'owner'],
    verdict: 'abort',
    closed: true,
    placement: 'sourceNextEpoch',
    refused: ['owner'],
  },
];

describe('a transfer', () => {
  it.each(histories)(
    'ends $verdict at the $placement after $steps',
    async ({ steps, verdict, closed, placement, refused = [] }) => {
      const { db } = database;
      const { id, group, source, target, epoch } = await makeTransfer(db);
      for (const step of steps) {
        const [role, wants] = step.split(':') as [TransferRole, VerdictWish | undefined];
        if (wants === undefined) {
          const result = await refusal(reportTransfer(db, id, step as TransferReport));
          expect(result, step).toBe(refused.includes(step) ? 'transferContradiction' : 'accepted');
        } else await askVerdict(db, id, role, wants);
      }
      expect(await askVerdict(db, id, 'source', 'verdict')).toMatchObject({ verdict, closed });
      const expected = {
        source: { deviceId: source, epoch: epoch - 1 },
        sourceNextEpoch: { deviceId: source, epoch: epoch + 1 },
        target: { deviceId: target, epoch },
      }[placement];
      expect(await getPlacement(db, group)).toMatchObject({ ...expected, transferId: closed ? null : id });
    },
  );

  it('gives one verdict to source and target that ask at the same moment, and the same for ever', async () => {
    const { db } = database;
    for (let round = 0; round < 10; round += 1) {
      const { id } = await makeTransfer(db);
      const asks: [TransferRole, VerdictWish][] = [
        ['source', 'abort'],
        ['target', 'go'],
        ['source', 'verdict'],
        ['source', 'abort'],
        ['target', 'go'],
      ];
      const answers = await Promise.all(asks.map(([role, wants]) => askVerdict(db, id, role, wants)));
      const given = new Set(answers.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'none'));
      expect(given.size).toBe(1);
      const [verdict] = given;
      for (const [role, wants] of asks) expect((await askVerdict(db, id, role, wants)).verdict).toBe(verdict);
    }
  });

  it('is closed once when owner and discarded arrive at the same moment', async () => {
    const { db } = database;
    const { id, group, source, target, epoch } = await makeTransfer(db);
    const [owner, discarded] = await Promise.all([
      refusal(reportTransfer(db, id, 'owner')),
      refusal(reportTransfer(db, id, 'discarded')),
    ]);
    expect([owner, discarded].sort()).toEqual(['accepted', 'transferContradiction']);
    const { outcome } = await getTransfer(db, id);
    expect(await getPlacement(db, group)).toMatchObject(
      outcome === 'owner' ? { deviceId: target, epoch } : { deviceId: source, epoch: epoch + 1 },
    );
  });

  it('advances the placement once, however often it is said, and never a later one', async () => {
    const { db } = database;
    const { id, opening, group, source, target, epoch } = await makeTransfer(db);
    await Promise.all([advancePlacement(db, id), advancePlacement(db, id), reportTransfer(db, id, 'owner')]);
    expect(await getPlacement(db, group)).toMatchObject({ deviceId: target, epoch, transferId: null });
    const back = { ...opening, id: transferId(), source: target, target: source, epoch: epoch + 1 };
    await openTransfer(db, back);
    await advancePlacement(db, back.id);
    await advancePlacement(db, id);
    await reportTransfer(db, id, 'released');
    expect(await getPlacement(db, group)).toMatchObject({ deviceId: source, epoch: epoch + 1 });
    expect((await getTransfer(db, id)).releasedAt).not.toBeNull();
  });

  it('survives the deletion of its compute', async () => {
    const { db } = database;
    const { id, compute, group } = await makeTransfer(db);
    await reportTransfer(db, id, 'owner');
    await removeCompute(db, compute.id);
    await reportTransfer(db, id, 'released');
    expect(await refusal(getPlacement(db, group))).toBe('unknownGroup');
  });
});
