import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setTimeout as pause } from 'node:timers/promises';
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

/** A compute that may be started elsewhere, and a client that asks it all the time. */
class LossScene extends ComputeScene {
  #watch: LineProgram | null = null;

  async make(protection: Protection): Promise<void> {
    await importSampleImage(this.lab.lab, await this.lab.api(), 'lost');
    const restartPolicy = { name: 'always', maximumRetries: 0 };
    await this.create({ name: 'lost', image: 'lost', restartPolicy, protection });
  }

  override async remove(): Promise<void> {
    await this.#watch?.end();
    await super.remove();
    await (await this.lab.api()).request('DELETE', '/images/lost');
  }

  async count(times: number): Promise<void> {
    const command = [process.execPath, '-e', COUNT, this.compute.ip, String(times)];
    expect(await this.lab.client(command)).toMatchObject({ code: 0 });
  }

  async watch(): Promise<void> {
    const { ip } = this.compute;
    this.#watch = new LineProgram(
      await this.lab.spawnOnClient([process.execPath, '--no-warnings', WATCH, ip]),
    );
  }

  /** What the client hears next that is another answer, or comes after a silence. */
  async step(): Promise<number> {
    return stepSchema.parse(JSON.parse((await this.#watch?.next()) ?? '')).counter;
  }

  /** What the copy on a device says to that device. */
  async atHome(): Promise<string> {
    const { ip } = this.compute;
    return (await this.lab.exec('d1', ['sh', '-c', ASK, ip, String(SAMPLE_LINE_PORT)])).stdout.trim();
  }

  /** Resolves when there is a checkpoint that was begun from now on. */
  async checkpointed(): Promise<void> {
    // One may have been begun before.
    for (let count = 0; count < 2; count += 1) {
      const before = (await this.show()).checkpoint?.takenAt;
      await until('a checkpoint', SOON_MS, async () => {
        const now = (await this.show()).checkpoint?.takenAt;
        return now !== undefined && now !== before;
      });
    }
  }
}

/**
 * A compute that may be started elsewhere is: after its lease and no later than twice that. A client that asks it all the time
 * never hears the first copy once it has heard the second, also when the device is back.
 */
export function testLosses(losses: readonly Loss[]): void {
  const lab = withLab();

  describe.each(losses)('a device that is lost: $name', ({ protection, lose, comeBack, runsOn }) => {
    const scene = new LossScene(lab);
    beforeAll(() => scene.make(protection), LONG_MS);
    afterAll(async () => {
      await comeBack(lab, scene);
      await scene.remove();
    }, 3 * END_MS);

    test(
      'what may be started elsewhere is, and only one copy ever answers',
      async () => {
        await scene.count(BEFORE);
        if (protection.kind === 'checkpoint') await scene.checkpointed();
        await scene.count(AFTER);
        expect(await scene.atHome()).toBe(`1 ${String(BEFORE + AFTER)}`);
        await scene.watch();
        expect(await scene.step()).toBe(BEFORE + AFTER);
        const lostAt = performance.now();
        await lose(lab, scene);
        const counter = await scene.step();
        expect(performance.now() - lostAt).toBeLessThan(patient(2 * (LEASE_MS + LEASE_MARGIN_MS)));
        if (protection.kind === 'restart') expect(counter).toBe(0);
        else expect(counter).toBeGreaterThanOrEqual(BEFORE);
        // It is there, and shut.
        if (runsOn) {
          expect((await scene.copies()).map(({ device }) => device).sort()).toEqual(['d1', 'd2']);
          expect(await scene.atHome()).not.toBe(`1 ${String(BEFORE + AFTER)}`);
        }

        await comeBack(lab, scene);
        await scene.expectOneLiveCopy('d2');
        await scene.expectClean('d1');
        expect(await scene.show()).toMatchObject({ epoch: 2 });
        // Had the first copy answered meanwhile, that would be heard before this.
        await scene.count(1);
        expect(await scene.step()).toBe(counter + 1);
      },
      LONG_MS,
    );
  });
}

/** While the control plane is away, a compute whose peer is there is reached as ever, and stays where it is. */
export function testAbsence(): void {
  const lab = withLab();

  describe('a device that does not reach the control plane, but its peer', () => {
    const scene = new LossScene(lab);
    beforeAll(() => scene.make({ kind: 'checkpoint', everySeconds: 5 }), LONG_MS);
    afterAll(async () => {
      await lab.heal();
      await scene.remove();
    }, 3 * END_MS);

    test(
      'what is protected runs on under the leases of its peer',
      async () => {
        await scene.count(BEFORE);
        await scene.checkpointed();
        await scene.watch();
        expect(await scene.step()).toBe(BEFORE);
        await lab.cut('d1', 'control');
        await pause(3 * LEASE_MS);
        // Had it been silent for a second, that would be heard before this.
        await scene.count(1);
        expect(await scene.step()).toBe(BEFORE + 1);
        await lab.heal();
        await scene.expectOneLiveCopy('d1');
        expect(await scene.show()).toMatchObject({ epoch: 1 });
      },
      LONG_MS,
    );
  });
}
