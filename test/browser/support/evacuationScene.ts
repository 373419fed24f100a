import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { newId } from '../../../core/ids.ts';
import type { Database } from '../../../db/database.ts';
import { openEvacuations } from '../../../db/evacuations.ts';
import {
  finishMigration,
  getMigration,
  setMigrationRun,
  setMigrationState,
} from '../../../db/migrationRecords.ts';
import { type EvacuationStep, stepEvacuation } from '../../../db/planning/step.ts';
import { device } from '../../../db/schema/index.ts';
import { advanceGroup } from '../../integration/support/advanceGroup.ts';
import { makeCompute, makeDevice } from '../../integration/support/fixtures.ts';

const MIB = 2 ** 20;
/** What a device keeps for itself, MiB. */
const RESERVED = 64;

/** Devices and computes for evacuations, and their workflow in the hands of the test: Temporal is away. */
export class EvacuationScene {
  readonly #db: Database;
  /** Ids by name. */
  readonly devices: Record<string, string> = {};
  readonly computes: Record<string, string> = {};
  #moves: string[] = [];

  private constructor(db: Database) {
    this.#db = db;
  }

  /**
   * d1 with computes of 100, 300 and 200 MiB, and room for the first two kinds of them on d2 and d3. With `tooBig` there is one
   * more that fits nowhere.
   */
  static async make(db: Database, tenantId: string, { tooBig = false } = {}): Promise<EvacuationScene> {
    const scene = new EvacuationScene(db);
    for (const [name, mib] of [
      ['d1', 4_000],
      ['d2', 600],
      ['d3', 350],
    ] as const) {
      const inventory = { hostname: name, memoryAvailableBytes: (mib + RESERVED) * MIB };
      scene.devices[name] = (await makeDevice(db, { name, inventory })).id;
    }
    for (const [name, mib] of [
      ['small', 100],
      ['big', 300],
      ['middle', 200],
      ...(tooBig ? [['huge', 2_000] as const] : []),
    ] as const) {
      const on = { deviceId: scene.devices['d1'] ?? '', tenantId, spec: { memoryBytes: mib * MIB } };
      scene.computes[name] = (await makeCompute(db, { name, ...on })).id;
    }
    // Nobody tells a sign of life here; this one lasts for the test.
    await db.update(device).set({ lastHeartbeatAt: sql`now() + interval '1 hour'` });
    return scene;
  }

  /** What the workflow of the evacuation that is open would do next; the moves that it starts copy memory. */
  async step(): Promise<EvacuationStep> {
    const [open] = await openEvacuations(this.#db);
    if (!open) throw new Error('no evacuation is open');
    const options = { strategy: 'spread' as const, newId: () => newId('migration', randomBytes) };
    const next = await stepEvacuation(this.#db, open.id, options);
    if (next.action === 'go') {
      for (const move of next.moves) {
        await setMigrationRun(this.#db, move, `run-${move}`);
        await setMigrationState(this.#db, move, 'precopying', 'Copying memory while the compute runs.');
      }
      this.#moves.push(...next.moves);
    }
    return next;
  }

  /** The oldest move under way ends, and the workflow takes note. */
  async endMove(state: 'succeeded' | 'aborted' = 'succeeded'): Promise<EvacuationStep> {
    const move = this.#moves.shift();
    if (move === undefined) throw new Error('no move is under way');
    const { compute, target } = await getMigration(this.#db, move);
    if (state === 'succeeded') await advanceGroup(this.#db, compute.id, target.id);
    await finishMigration(this.#db, move, { state, reason: `It has ${state}.`, causes: [] });
    return this.step();
  }

  /** Everything that can be moved is, and it ends. */
  async finish(): Promise<void> {
    let next = await this.step();
    while (next.action === 'go') next = await this.endMove();
  }
}
