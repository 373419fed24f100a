import type { Round } from '../../../core/migration.ts';
import type { Database } from '../../../db/database.ts';
import { saveAttempts } from '../../../db/migrationAttempts.ts';
import { setMemoryPlan, setPrediction, setThrottle } from '../../../db/migrationMemory.ts';
import {
  addPhases,
  addRounds,
  createMigration,
  finishMigration,
  getMigration,
  type MigrationEnd,
  setMigrationState,
} from '../../../db/migrationRecords.ts';
import { id, makeCompute, makeDevice } from '../../integration/support/fixtures.ts';

const MIB = 2 ** 20;
/** Begin and length of each phase of a move as they are measured on two small devices, milliseconds. */
const PHASES = [
  ...[['preflight', 40, 210] as const, ['prepare', 260, 1_480] as const, ['precopy', 1_760, 4_310] as const],
  ...[['arm', 3_900, 1_950] as const, ['plug', 6_080, 3.4] as const, ['freeze', 6_084, 6.2] as const],
  ...[['dump', 6_091, 46.8] as const, ['transfer', 6_093, 39.5] as const, ['restore', 6_131, 41.1] as const],
  ...[['handOver', 6_173, 7.9] as const, ['unplug', 6_182, 4.6] as const, ['filling', 6_190, 830] as const],
  ['release', 7_030, 410] as const,
];

/** A compute, by default `web` on `edge-a`, with a move to another device (`edge-b`) that was asked for. */
export async function askForMove(db: Database, tenantId: string, name = 'web', devices = 'edge') {
  const source = await makeDevice(db, { name: `${devices}-a` });
  const target = await makeDevice(db, { name: `${devices}-b` });
  const compute = await makeCompute(db, { name, deviceId: source.id, tenantId });
  const move = id('migration');
  await createMigration(db, {
    ...{ id: move, group: compute.groupId, compute: compute.id, source: source.id, target: target.id },
    ...{ epoch: 2, maxDowntimeMs: 300, workflowId: compute.id },
  });
  return { move, compute, source, target };
}

/** The memory was copied: in three rounds, and a closing one. */
export async function recordCopy(db: Database, move: string): Promise<void> {
  await setMemoryPlan(db, move, {
    tracker: { name: 'soft-dirty', reason: 'the kernel marks written pages' },
    restore: {
      mode: 'lazy',
      reason: 'its processes share little memory, so it can resume before all of it is there',
    },
  });
  await addRounds(db, move, [
    round(1, { pages: 65_536, bytes: 256 * MIB, wireBytes: 118 * MIB, ms: 2_900, expectedFreezeMs: 1_120 }),
    round(2, { pages: 5_120, bytes: 20 * MIB, wireBytes: 9 * MIB, ms: 420, expectedFreezeMs: 210 }),
    round(3, { pages: 900, bytes: 3_686_400, wireBytes: 1_500_000, ms: 120, decision: 'switch' }),
    round(4, { pages: 210, bytes: 860_160, wireBytes: 390_000, ms: 31, decision: 'switch', closing: true }),
  ]);
  await setThrottle(db, move, 0.7);
  await setPrediction(db, move, { freezeMs: 128, wireBytes: 131 * MIB, totalMs: 5_900 });
}

/** The move went as moves go, up to its end. */
export async function endMove(db: Database, move: string, end: Partial<MigrationEnd> = {}): Promise<void> {
  const begun = Date.parse((await getMigration(db, move)).createdAt);
  await addPhases(
    db,
    move,
    PHASES.map(([name, from, ms]) => ({ name, startedAt: new Date(begun + from).toISOString(), ms })),
  );
  await finishMigration(db, move, {
    ...{ state: 'succeeded', reason: 'Moved; clients kept their connections.', frozenMs: 97.1 },
    ...{ wireBytes: 130 * MIB, totalMs: 7_440, ...end },
  });
}

/** A step was tried again. */
export async function recordRetry(db: Database, move: string, taskQueue: string): Promise<void> {
  await saveAttempts(db, move, [
    {
      ...{ step: 'copy files and log', activity: 'syncFiles', taskQueue, attempts: 2, state: 'succeeded' },
      cause: {
        code: 'peerAway',
        message: 'edge-b did not take the connection.',
        mend: 'Look whether its link address can be reached from edge-a.',
      },
      startedAt: new Date().toISOString(),
      endedAt: new Date(Date.now() + 1_400).toISOString(),
    },
  ]);
}

/** Goes on to a state, as the workflow records it. */
export const enter = setMigrationState;

function round(number: number, over: Partial<Round>): Round {
  return {
    ...{ round: number, pages: 0, bytes: 0, wireBytes: 0, ms: 100, dirtyPagesPerSecond: number * 700 },
    ...{ scanMs: 60, lookedPages: 67_000, zeroPages: 120, knownPages: 40 },
    ...{ linkBytesPerSecond: number === 4 ? null : 44 * MIB, closing: false, decision: 'round' },
    reason: '9.1 MB would be sent in a freeze of about 210 ms: rounds still get shorter',
    ...{ expectedFreezeMs: 128, ...over },
  };
}
