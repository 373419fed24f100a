import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EvacuationView } from '../../core/api/evacuations.ts';
import { until } from '../../core/until.ts';
import { LabFaults, SOON_MS } from '../lab/labFaults.ts';
import { FleetScene, mostAtOnce } from '../lab/support/fleetScene.ts';
import { withOwnLab } from '../lab/support.ts';

const LONG_MS = 900_000;
const SIZES_MB = [96, 2, 32, 8, 64, 2, 16, 8, 48, 2, 24, 8];

/** How far an evacuation's first prediction of its end was from its end; a share of what it took. */
function predictionError({ createdAt, plannedEndAt, endedAt }: EvacuationView): number {
  const took = Date.parse(endedAt ?? '') - Date.parse(createdAt);
  return Math.abs(Date.parse(plannedEndAt ?? '') - Date.parse(createdAt) - took) / took;
}

describe('a device of four, with a dozen computes that are talked to', () => {
  const lab = withOwnLab('evac', { devices: 4 });
  const scene = new FleetScene(lab, 'tenant');
  const faults = new LabFaults(lab);
  const everywhere = (device: string) => SIZES_MB.map(() => device);

  beforeAll(() => scene.create(SIZES_MB), LONG_MS);
  beforeEach(() => scene.talk(), LONG_MS);
  afterAll(() => scene.remove(), LONG_MS);

  const noneLost = async () => expect(await scene.hush()).toEqual({ lost: 0, wrong: 0, problems: [] });
  /** Everything is on d1 again, and d1 is ready. */
  async function home(id: string): Promise<EvacuationView> {
    await scene.uncordon('d1');
    const { id: back } = (await scene.steer(id, 'return', {})) as { id: string };
    const ended = await scene.ended(back, LONG_MS);
    expect(ended.state).toBe('succeeded');
    expect(await scene.whereabouts()).toEqual(everywhere('d1'));
    return ended;
  }
  const leftOn = async (device: string) =>
    (await scene.whereabouts()).filter((name) => name === device).length;

  test(
    'is emptied under the caps, comes home, and is predicted from then on',
    async () => {
      const first = await scene.evacuate('d1');
      const ended = await scene.ended(first, LONG_MS);
      expect(ended, ended.reason).toMatchObject({ state: 'succeeded', counts: { moved: SIZES_MB.length } });
      expect(await scene.deviceState('d1')).toBe('drained');
      expect(await leftOn('d1')).toBe(0);
      const moves = await scene.moves(first);
      expect(mostAtOnce(moves, ({ source }) => source.id)).toBe(2);
      expect(mostAtOnce(moves, ({ target }) => target.id)).toBe(1);
      const returned = await home(first);
      expect(mostAtOnce(await scene.moves(returned.id), ({ target }) => target.id)).toBe(2);

      const second = await scene.evacuate('d1');
      const again = await scene.ended(second, LONG_MS);
      expect(again.state).toBe('succeeded');
      expect(predictionError(again)).toBeLessThanOrEqual(0.25);
      await home(second);
      await noneLost();
    },
    LONG_MS,
  );

  test(
    'starts nothing while it is paused, goes on, and leaves the rest when it is cancelled',
    async () => {
      const id = await scene.evacuate('d1');
      await scene.until(id, 'have moved one', ({ counts }) => (counts.moved ?? 0) >= 1);
      await scene.steer(id, 'pause');
      const still = await scene.until(id, 'have none moving', ({ counts }) => counts.moving === 0);
      expect(still).toMatchObject({ state: 'paused', predictedEndAt: null });
      const begun = (await scene.moves(id)).length;
      await scene.steer(id, 'resume');
      await scene.until(id, 'start another', ({ counts }) => (counts.moving ?? 0) > 0);
      expect((await scene.moves(id)).length).toBeGreaterThan(begun);
      await scene.steer(id, 'cancel');
      const cancelled = await scene.ended(id);
      expect(cancelled.state).toBe('cancelled');
      expect(await scene.deviceState('d1')).toBe('cordoned');
      expect(await leftOn('d1')).toBe(cancelled.counts.left);
      expect(cancelled.counts.left).toBeGreaterThan(0);
      await home(id);
      await noneLost();
    },
    LONG_MS,
  );

  test(
    'rolls back what moves when it is cancelled so',
    async () => {
      const id = await scene.evacuate('d1');
      await scene.until(id, 'have two moving', ({ counts }) => counts.moving === 2);
      await scene.steer(id, 'cancel', { moves: 'abort' });
      const cancelled = await scene.ended(id);
      const ends = (await scene.moves(id)).map(({ state }) => state);
      expect(ends.filter((state) => state === 'aborted').length).toBe(
        cancelled.items.filter(({ attempts, state }) => attempts > 0 && state === 'left').length,
      );
      expect(ends).toContain('aborted');
      await scene.uncordon('d1');
      if (cancelled.counts.moved) await home(id);
      expect(await scene.whereabouts()).toEqual(everywhere('d1'));
      await noneLost();
    },
    LONG_MS,
  );

  test(
    'empties all the same when the target of two of its moves dies',
    async () => {
      const api = await lab.api();
      for (const name of ['d3', 'd4']) await api.request('POST', `/devices/${name}/cordon`);
      const id = await scene.evacuate('d1', { caps: { perLink: 2 } });
      const planned = await scene.until(id, 'have two moving', ({ counts }) => counts.moving === 2);
      const moving = planned.items.filter(({ state }) => state === 'moving');
      expect(moving.map(({ target }) => target?.name)).toEqual(['d2', 'd2']);
      await lab.kill('d2');
      for (const name of ['d3', 'd4']) await scene.uncordon(name);
      // What d2 had become the owner of before it died is there when it is back; all else has left to the others.
      const emptied = await scene.until(
        id,
        'have started everything',
        ({ counts }) => counts.waiting === 0,
        LONG_MS,
      );
      expect(emptied.items.some(({ state, target }) => state !== 'waiting' && target?.name !== 'd2')).toBe(
        true,
      );
      await lab.start('d2');
      const ended = await scene.ended(id, LONG_MS);
      expect(ended, ended.reason).toMatchObject({ state: 'succeeded', counts: { moved: SIZES_MB.length } });
      expect(await leftOn('d1')).toBe(0);
      const states = (await scene.moves(id)).map(({ state }) => state);
      for (const state of states) expect(['succeeded', 'rolledBack', 'failed', 'refused']).toContain(state);
      await until('d2 to be ready', SOON_MS, async () => (await scene.deviceState('d2')) === 'ready', 500);
      await noneLost();
      await home(id);
    },
    LONG_MS,
  );

  test(
    'goes on when the control plane is killed in the middle',
    async () => {
      const id = await scene.evacuate('d1');
      await scene.until(id, 'have moved one', ({ counts }) => (counts.moved ?? 0) >= 1);
      await faults.killControlParts(['api', 'control', 'gateway', 'temporal']);
      await faults.controlReady();
      const ended = await scene.ended(id, LONG_MS);
      expect(ended, ended.reason).toMatchObject({ state: 'succeeded', counts: { moved: SIZES_MB.length } });
      expect(await leftOn('d1')).toBe(0);
      await home(id);
      await noneLost();
    },
    LONG_MS,
  );
});
