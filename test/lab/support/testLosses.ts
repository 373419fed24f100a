import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../../core/lease.ts';
import type { Protection } from '../../../core/protection.ts';
import { until } from '../../../core/until.ts';
import { importSampleImage } from '../../../lab/demo/sampleCompute.ts';
import { SAMPLE_LINE_PORT } from '../../../lab/sample/sampleProtocol.ts';
import { ComputeScene, END_MS } from '../computeScene.ts';
import { SOON_MS } from '../labFaults.ts';
import { patient } from '../patience.ts';
import { withLab, type TestLab } from '../support.ts';
import { LineProgram } from './lineProgram.ts';

const LONG_MS = patient(240_000);
const WATCH = fileURLToPath(new URL('copyWatch.ts', import.meta.url));
/** What is counted before the last checkpoint that is certain, and after it. */
const BEFORE = 100;
const AFTER = 60;
/** Counts so many times, one after the other, and ends. */
const COUNT = `
  const [host, times] = process.argv.slice(1);
  let left = Number(times);
  const socket = require('net').connect(${String(SAMPLE_LINE_PORT)}, host, () => socket.write('inc 1\\n'));
  socket.on('data', () => (--left > 0 ? socket.write('inc 1\\n') : socket.destroy()));`;
// The server keeps the connection.
const ASK = 'printf "get 1\\n" | timeout 2 busybox nc "$0" "$1" || true';

const stepSchema = z.object({ counter: z.number().int(), atMs: z.number() });

/** A way to lose a device for good, as far as anybody can tell, and how it comes back. */
export interface Loss {
  name: string;
  protection: Protection;
  lose: (lab: TestLab, scene: ComputeScene) => Promise<void>;
  comeBack: (lab: TestLab, scene: ComputeScene) => Promise<void>;
  /** Whether its copy still runs there, and nothing but its fence keeps it from answering. */
  runsOn: boolean;
}

/**
 * A compute that may be started elsewhere is: after its lease and no later than twice that. A client that asks it all the time
 * never hears the first copy once it has heard the second, also when the device is back.
 */
export function testLosses(losses: readonly Loss[]): void {
  const lab = withLab();

  describe.each(losses)('a device that is lost: $name', ({ protection, lose, comeBack, runsOn }) => {
    const scene = new ComputeScene(lab);
    let watch: LineProgram | null = null;
    const count = async (times: number) => {
      const command = [process.execPath, '-e', COUNT, scene.compute.ip, String(times)];
      expect(await lab.client(command)).toMatchObject({ code: 0 });
    };
    const step = async () => stepSchema.parse(JSON.parse((await watch?.next()) ?? ''));
    /** What the first copy says to its own device. */
    const atHome = async () => {
      const { ip } = scene.compute;
      return (await lab.exec('d1', ['sh', '-c', ASK, ip, String(SAMPLE_LINE_PORT)])).stdout.trim();
    };
    /** Has one that was taken from now on. */
    const checkpointed = async () => {
      const before = (await scene.show()).checkpoint?.takenAt;
      await until('a checkpoint', SOON_MS, async () => {
        const now = (await scene.show()).checkpoint?.takenAt;
        return now !== undefined && now !== before;
      });
    };

    beforeAll(async () => {
      await importSampleImage(lab.lab, await lab.api(), 'lost');
      const restartPolicy = { name: 'always', maximumRetries: 0 };
      await scene.create({ name: 'lost', image: 'lost', restartPolicy, protection });
    }, LONG_MS);
    afterAll(async () => {
      await watch?.end();
      await comeBack(lab, scene);
      await scene.remove();
      await (await lab.api()).request('DELETE', '/images/lost');
    }, 3 * END_MS);

    test(
      'what may be started elsewhere is, and only one copy ever answers',
      async () => {
        await count(BEFORE);
        if (protection.kind === 'checkpoint') {
          // One may have begun before all was counted.
          await checkpointed();
          await checkpointed();
        }
        await count(AFTER);
        expect(await atHome()).toBe(`1 ${String(BEFORE + AFTER)}`);
        watch = new LineProgram(
          await lab.spawnOnClient([process.execPath, '--no-warnings', WATCH, scene.compute.ip]),
        );
        expect(await step()).toMatchObject({ counter: BEFORE + AFTER });
        const lostAt = performance.now();
        await lose(lab, scene);
        const { counter } = await step();
        expect(performance.now() - lostAt).toBeLessThan(patient(2 * (LEASE_MS + LEASE_MARGIN_MS)));
        if (protection.kind === 'restart') expect(counter).toBe(0);
        else expect(counter).toBeGreaterThanOrEqual(BEFORE);
        // It is there, and shut.
        if (runsOn) {
          expect((await scene.copies()).map(({ device }) => device).sort()).toEqual(['d1', 'd2']);
          expect(await atHome()).not.toBe(`1 ${String(BEFORE + AFTER)}`);
        }

        await comeBack(lab, scene);
        await scene.expectOneLiveCopy('d2');
        await scene.expectClean('d1');
        expect(await scene.show()).toMatchObject({ epoch: 2 });
        // Had the first copy answered meanwhile, that would be heard before this.
        await count(1);
        expect(await step()).toMatchObject({ counter: counter + 1 });
      },
      LONG_MS,
    );
  });
}
