import { describe, expect, test } from 'vitest';
import { PageHelpers } from './support/pageHelpers.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
/** So often a pager is replaced (RESTARTS_MAX of memory-target); one more end of it is one too many. */
const REPLACED = 20;

describe('memory that is being filled in', () => {
  const lab = withLab();
  const scene = withPages(lab, 'filling', { megabytes: 32, megabytesPerSecond: 2 });
  const { faults } = scene;

  /** Begins a move and resolves when the compute is owned by the target, most of its memory still to come. */
  async function moveUntilFilling(): Promise<{
    id: string;
    source: string;
    target: string;
    helpers: PageHelpers;
  }> {
    const target = await scene.elsewhere();
    await faults.arm(target, 'target.filling');
    const id = await scene.start(target);
    const helpers = new PageHelpers(lab, target);
    await helpers.untilStatus(id, scene.compute.id, { state: 'filling' });
    await scene.untilWritten(target, 'owner');
    await scene.client.mark();
    return { id, source: target === 'd1' ? 'd2' : 'd1', target, helpers };
  }

  async function expectFilled(id: string, target: string, source: string): Promise<void> {
    await faults.release(target, 'target.filling');
    const { state, phases, reason } = await scene.ended(id);
    expect(state, reason).toBe('succeeded');
    expect(phases.map(({ name }) => name)).toContain('filling');
    await scene.expectMemoryRight();
    await scene.expectOneLiveCopy(target);
    await scene.expectClean(source);
    expect(await faults.list(target, '/run/drayage/pages')).toEqual([]);
  }

  test.each([
    ['the pager', ['pager']],
    ['the keeper', ['keeper']],
    ['the pager, then the keeper', ['pager', 'keeper']],
    ['the keeper, then the pager', ['keeper', 'pager']],
  ] as const)(
    '%s killed: replaced, and no page is ever wrong',
    async (_who, victims) => {
      const { id, source, target, helpers } = await moveUntilFilling();
      for (const [index, victim] of victims.entries()) {
        const { left } = await helpers.status(id, scene.compute.id);
        expect(left, 'pages that are still to come').toBeGreaterThan(0);
        await helpers.kill(victim);
        await helpers.untilStatus(id, scene.compute.id, { restarts: index + 1 });
      }
      await expectFilled(id, target, source);
    },
    LONG_MS,
  );

  test(
    "the target's worker killed, and the source's: the helpers go on without them",
    async () => {
      const { id, source, target, helpers } = await moveUntilFilling();
      for (const device of [target, source]) {
        await faults.signalWorker(device, 'SIGKILL');
        await faults.restartKilledWorker(device);
      }
      const { state, left, restarts } = await helpers.status(id, scene.compute.id);
      expect({ state, restarts }).toEqual({ state: 'filling', restarts: 0 });
      expect(left).toBeGreaterThan(0);
      expect((await scene.client.mark()).requests, 'answers meanwhile').toBeGreaterThan(0);
      await expectFilled(id, target, source);
    },
    LONG_MS,
  );

  test(
    'the pager killed before all was restored: rolled back',
    async () => {
      const target = await scene.elsewhere();
      const source = target === 'd1' ? 'd2' : 'd1';
      const id = await scene.startUntil(target, 'target.restoring', { target });
      await new PageHelpers(lab, target).kill('pager');
      await faults.release(target, 'target.restoring');
      const { state, causes } = await scene.ended(id);
      expect(state).toBe('rolledBack');
      expect(causes[0]?.message).toMatch(/pager was killed while the compute was being restored/);
      expect(causes[0]?.mend).not.toBe('');
      await scene.expectMemoryRight();
      await scene.expectOneLiveCopy(source);
      await scene.expectClean(target);
    },
    LONG_MS,
  );

  // The last one: it ends the compute.
  test(
    'the pager killed again and again: the compute is frozen rather than wrong, and said to have failed',
    async () => {
      const { id, target, helpers } = await moveUntilFilling();
      for (let count = 1; count <= REPLACED; count += 1) {
        await helpers.kill('pager');
        await helpers.untilStatus(id, scene.compute.id, { restarts: count });
      }
      await helpers.kill('pager');
      await helpers.untilStatus(id, scene.compute.id, { state: 'failed' });
      const { state, causes } = await scene.ended(id);
      expect(state).toBe('failed');
      expect(causes).toMatchObject([{ code: 'fillFailed' }]);
      expect(causes[0]?.mend).not.toBe('');
      expect(await scene.copies()).toEqual([{ device: target, frozen: true }]);
      expect((await scene.show()).state).toBe('failed');
      expect((await scene.client.mark()).wrong, 'wrong answers').toBe(0);
    },
    LONG_MS,
  );
});
