import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { END_MS } from './computeScene.ts';
import { PageHelpers } from './support/pageHelpers.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
const PAGES = '/run/drayage/pages';
/** A silent peer is noticed within 2 s; then the record has to be written, milliseconds. */
const NOTICED_MS = 2_000 + 1_500;

describe('a fault while memory is copied', () => {
  const lab = withLab();
  const scene = withPages(lab, 'faulty', { megabytes: 32, megabytesPerSecond: 2 });
  const { faults } = scene;
  const helpers = new PageHelpers(lab, 'd2');

  afterEach(async () => {
    await helpers.signalStore('SIGCONT');
    await lab.exec('d2', ['mount', '-o', 'remount,size=90%', PAGES]);
    await faults.mend();
  });

  /** Begins a slow move and resolves once its first round is under way. */
  async function moveUntilCopying(): Promise<string> {
    const id = await scene.start('d2', { bandwidthMbit: 100 });
    const copying = async () => (await scene.migration(id)).progress !== null;
    await until('the first round to be under way', END_MS, copying);
    return id;
  }

  async function expectUntouched(): Promise<void> {
    await scene.expectMemoryRight();
    await scene.expectOneLiveCopy('d1');
    await scene.expectClean('d2');
    expect(await faults.list('d1', '/run/drayage/images'), 'nothing waits for a switch').toEqual([]);
  }

  test(
    "the source's worker killed between rounds: the next attempt starts clean and succeeds",
    async () => {
      await scene.expectUndisturbed(async () => {
        const id = await moveUntilCopying();
        await faults.arm('d1', 'source.copying', 'kill');
        await faults.reached('d1', 'source.copying');
        await faults.release('d1', 'source.copying');
        await faults.restartKilledWorker('d1');
        const { state, causes, rounds } = await scene.ended(id);
        expect(rounds.length).toBeGreaterThan(0);
        expect({ state, code: causes[0]?.code }).toEqual({ state: 'failed', code: 'copyLost' });
        expect(causes[0]?.mend).not.toBe('');
      });
      await expectUntouched();
      await faults.mend();
      for (const device of ['d2', 'd1']) {
        const { state, reason, rounds } = await scene.ended(await scene.start(device));
        expect(state, reason).toBe('succeeded');
        expect(rounds[0]?.round).toBe(1);
        await scene.expectMemoryRight();
        await scene.expectClean(device === 'd2' ? 'd1' : 'd2');
      }
    },
    LONG_MS,
  );

  test(
    "the target's memory for pages full in round 2: aborted, and the compute was never stopped",
    async () => {
      await scene.expectUndisturbed(async () => {
        const id = await moveUntilCopying();
        await faults.arm('d1', 'source.copying');
        await faults.reached('d1', 'source.copying');
        // The record is written beside the move.
        const recorded = async () => (await scene.migration(id)).rounds.length === 1;
        await until('the first round to be on record', END_MS, recorded);
        await lab.exec('d2', [
          'sh',
          '-c',
          `mount -o remount,size=$(df -Pk ${PAGES} | awk 'END {print $3}')k ${PAGES}`,
        ]);
        await scene.client.grow();
        await faults.release('d1', 'source.copying');
        const { state, causes, frozenMs } = await scene.ended(id);
        expect({ state, frozenMs }).toEqual({ state: 'aborted', frozenMs: null });
        expect(causes).toMatchObject([{ code: 'targetMemoryFull' }]);
        expect(causes[0]?.mend).toMatch(/Free memory on the target/);
      });
      await expectUntouched();
    },
    LONG_MS,
  );

  test.each([
    ['the link is cut', () => lab.cut('d1', 'd2')],
    ['every frame is lost', () => lab.lose('d1', 'd2', 100)],
    ['what keeps the pages stands still', () => helpers.signalStore('SIGSTOP')],
  ])(
    'a target that reads nothing any more, for %s: noticed within 2 s, and named',
    async (_why, stall) => {
      await scene.expectUndisturbed(async () => {
        const id = await moveUntilCopying();
        await stall();
        const stalled = performance.now();
        const noticed = async () => (await scene.migration(id)).phases.some(({ name }) => name === 'precopy');
        await until('the copy to be ended', END_MS, noticed);
        expect(performance.now() - stalled).toBeLessThan(NOTICED_MS);
        await helpers.signalStore('SIGCONT');
        await faults.mend();
        const { state, causes } = await scene.ended(id);
        expect({ state, code: causes[0]?.code }).toEqual({ state: 'failed', code: 'linkLost' });
        expect(causes[0]?.message).toMatch(/link to the target/);
      });
      await expectUntouched();
    },
    LONG_MS,
  );
});
