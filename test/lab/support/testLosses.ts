import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { LEASE_MARGIN_MS, LEASE_MS } from '../../../core/lease.ts';
import { importSampleImage } from '../../../lab/demo/sampleCompute.ts';
import { SAMPLE_LINE_PORT } from '../../../lab/sample/sampleProtocol.ts';
import { ComputeScene, END_MS } from '../computeScene.ts';
import { patient } from '../patience.ts';
import { withLab, type TestLab } from '../support.ts';
import { LineProgram } from './lineProgram.ts';

const LONG_MS = patient(240_000);
const WATCH = fileURLToPath(new URL('copyWatch.ts', import.meta.url));
/** What the first copy has counted to; one that is started afresh begins at 0. */
const COUNTED = 100;
/** Counts so many times, one after the other, and ends. */
const COUNT = `
  const [host, times] = process.argv.slice(1);
  let left = Number(times);
  const socket = require('net').connect(${String(SAMPLE_LINE_PORT)}, host, () => socket.write('inc 1\\n'));
  socket.on('data', () => (--left > 0 ? socket.write('inc 1\\n') : socket.destroy()));`;

const stepSchema = z.object({ counter: z.number().int(), atMs: z.number() });

/** A way to lose a device for good, as far as anybody can tell, and how it comes back. */
export interface Loss {
  name: string;
  lose: (lab: TestLab, scene: ComputeScene) => Promise<void>;
  comeBack: (lab: TestLab, scene: ComputeScene) => Promise<void>;
}

/**
 * A compute that may be started elsewhere is: after its lease and no later than twice that. A client that asks it all the time
 * never hears the first copy once it has heard the second, also when the device is back.
 */
export function testLosses(losses: readonly Loss[]): void {
  const lab = withLab();

  describe.each(losses)('a device that is lost: $name', ({ lose, comeBack }) => {
    const scene = new ComputeScene(lab);
    let watch: LineProgram | null = null;
    const count = async (times: number) => {
      const command = [process.execPath, '-e', COUNT, scene.compute.ip, String(times)];
      expect(await lab.client(command)).toMatchObject({ code: 0 });
    };
    const step = async () => stepSchema.parse(JSON.parse((await watch?.next()) ?? ''));

    beforeAll(async () => {
      await importSampleImage(lab.lab, await lab.api(), 'lost');
      const restartPolicy = { name: 'always', maximumRetries: 0 };
      await scene.create({ name: 'lost', image: 'lost', restartPolicy, protection: { kind: 'restart' } });
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
        await count(COUNTED);
        watch = new LineProgram(
          await lab.spawnOnClient([process.execPath, '--no-warnings', WATCH, scene.compute.ip]),
        );
        expect(await step()).toMatchObject({ counter: COUNTED });
        const lostAt = performance.now();
        await lose(lab, scene);
        expect(await step()).toMatchObject({ counter: 0 });
        expect(performance.now() - lostAt).toBeLessThan(patient(2 * (LEASE_MS + LEASE_MARGIN_MS)));
        expect(await scene.show()).toMatchObject({ epoch: 2, device: { name: 'd2' }, state: 'running' });

        await comeBack(lab, scene);
        await scene.expectClean('d1');
        await scene.expectOneLiveCopy('d2');
        // Had the first copy answered meanwhile, that would be heard before this.
        await count(1);
        expect(await step()).toMatchObject({ counter: 1 });
      },
      LONG_MS,
    );
  });
}
