import { describe, expect, test } from 'vitest';
import { HOT_PHASES, migrationSchema } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { startCli } from './cliProgram.ts';
import { END_MS } from './computeScene.ts';
import { cpuQuota } from './support/cgroupLimits.ts';
import { withPages } from './support/pagesScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 300_000;
const MIB = 2 ** 20;
/** Megabits and bytes a second. */
const LIMIT = { mbit: 80, bytes: 10_000_000 };
/** What the devices say to the control plane and each other beside the memory, bytes. */
const TALK_BYTES = 4 * MIB;
const PROGRESS_PER_SECOND = 2;

describe('a move within limits', () => {
  const lab = withLab();
  const scene = withPages(lab, 'limited', { megabytes: 32, megabytesPerSecond: 1 });

  async function sentBytes(device: string): Promise<number> {
    const { stdout } = await lab.exec(device, ['cat', '/sys/class/net/eth0/statistics/tx_bytes']);
    return Number(stdout);
  }

  test(
    'a dry run within a bandwidth: figures and no freeze, progress twice a second in the record and in --watch',
    async () => {
      const before = await sentBytes('d1');
      const updates = new Set<string>();
      await scene.expectUndisturbed(async () => {
        const flags = ['--to', 'd2', '--dry-run', '--bandwidth', String(LIMIT.mbit), '--watch', '--json'];
        const cli = await startCli(lab, ['migrate', scene.compute.name, ...flags]);
        const id = await scene.newestMigration();
        const watching = until('the move to end', END_MS, async () => {
          const { progress, rounds, totalMs } = await scene.migration(id);
          if (progress?.round === 1 && rounds.length === 0) updates.add(progress.at);
          return totalMs !== null;
        });
        const { code, stdout, stderr } = await cli.done;
        await watching;
        expect(code, stderr).toBe(0);
        const { state, dryRun, frozenMs, predicted, rounds, phases, wireBytes } = migrationSchema.parse(
          JSON.parse(stdout),
        );
        expect({ state, dryRun, frozenMs }).toEqual({ state: 'succeeded', dryRun: true, frozenMs: null });
        expect(phases.filter(({ name }) => HOT_PHASES.includes(name))).toEqual([]);
        expect(predicted?.freezeMs).toBeGreaterThan(0);
        expect(predicted?.totalMs).toBeGreaterThan(0);
        expect(predicted?.wireBytes).toBeGreaterThan(32 * MIB);

        const [first] = rounds;
        const seconds = (first?.ms ?? 0) / 1000;
        const rate = (first?.wireBytes ?? 0) / seconds;
        expect(rate).toBeLessThan(LIMIT.bytes * 1.05);
        expect(rate).toBeGreaterThan(LIMIT.bytes * 0.5);
        const sent = (await sentBytes('d1')) - before;
        expect(sent).toBeGreaterThan(wireBytes);
        expect(sent).toBeLessThan(wireBytes * 1.1 + TALK_BYTES);

        const least = Math.floor(seconds * PROGRESS_PER_SECOND);
        expect(updates.size, 'updates of the record').toBeGreaterThanOrEqual(least);
        const lines = stderr.match(/^ {2}round \d+: \d+ pages/gm) ?? [];
        expect(new Set(lines).size, 'different lines of --watch').toBeGreaterThanOrEqual(least);
      });
      await scene.expectClean('d2');
      await scene.expectMemoryRight();
    },
    LONG_MS,
  );

  test(
    'a downtime that cannot be met: aborted before the freeze',
    async () => {
      await scene.expectUndisturbed(async () => {
        const { state, causes, frozenMs, phases } = await scene.move({ maxDowntimeMs: 1 });
        expect({ state, frozenMs }).toEqual({ state: 'aborted', frozenMs: null });
        expect(causes).toMatchObject([{ code: 'downtimeNotMet' }]);
        expect(causes[0]?.mend).toMatch(/--max-downtime/);
        expect(phases.filter(({ name }) => HOT_PHASES.includes(name))).toEqual([]);
      });
      expect(await scene.journal('d1')).not.toContain('frozen');
      await scene.expectClean('d2');
    },
    LONG_MS,
  );
});

describe('a compute that writes faster than the link carries', () => {
  const lab = withLab();
  const scene = withPages(lab, 'writer', { megabytes: 4, megabytesPerSecond: 20, cpus: 1 });
  const { faults } = scene;
  const slowLink = { bandwidthMbit: 30, maxDowntimeMs: undefined };

  async function expectSlowed(id: string, before: string): Promise<void> {
    const slowed = async () => (await scene.migration(id)).throttle !== null;
    await until('the compute to be slowed', END_MS, slowed);
    expect(await cpuQuota(lab.lab, scene.marker)).not.toBe(before);
  }

  test(
    'is left alone, and the cause says what would help',
    async () => {
      await scene.expectUndisturbed(async () => {
        const { state, causes, frozenMs, throttle } = await scene.move(slowLink);
        expect({ state, frozenMs, throttle }).toEqual({ state: 'aborted', frozenMs: null, throttle: null });
        expect(causes).toMatchObject([{ code: 'notConverging' }]);
        expect(causes[0]?.mend).toMatch(/faster link.*--allow-throttle.*--max-downtime/);
      });
      await scene.expectClean('d2');
    },
    LONG_MS,
  );

  test.each<[string, string, (id: string) => Promise<void>]>([
    ['it is given up all the same', 'aborted', () => Promise.resolve()],
    [
      'a person aborts',
      'aborted',
      async (id) => void (await (await lab.api()).request('POST', `/migrations/${id}/abort`)),
    ],
    [
      "the source's worker is killed",
      'failed',
      async () => {
        await faults.signalWorker('d1', 'SIGKILL');
        await faults.restartKilledWorker('d1');
      },
    ],
  ])(
    'may be slowed, and runs at its full speed again when %s',
    async (_why, end, act) => {
      const before = await cpuQuota(lab.lab, scene.marker);
      const id = await scene.start('d2', { ...slowLink, allowThrottle: true });
      await expectSlowed(id, before);
      await act(id);
      const { state, throttle } = await scene.ended(id);
      expect(state).toBe(end);
      expect(throttle).toBeLessThan(1);
      expect(await cpuQuota(lab.lab, scene.marker)).toBe(before);
      await scene.expectMemoryRight();
      await scene.expectOneLiveCopy('d1');
      await scene.expectClean('d2');
    },
    LONG_MS,
  );
});
