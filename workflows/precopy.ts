import type { MemoryPlan } from '../activities/device/memoryInterface.ts';
import type { Cause } from '../core/cause.ts';
import {
  DEFAULT_FIXED_FREEZE_MS,
  decideNextRound,
  freezeWithoutRounds,
  type NextRound,
} from '../core/decideNextRound.ts';
import { bytesPerSecond } from '../core/memorySize.ts';
import type { SwitchOptions } from '../core/memoryInput.ts';
import type { Prediction, Round } from '../core/migration.ts';
import type { TransferInput } from '../core/moveInput.ts';
import { controlActivities, deviceActivities } from './activityProxies.ts';
import type { MigrateComputeInput } from './contract.ts';
import { enter } from './record.ts';
import type { Undo } from './undo.ts';

/** What pre-copy came to: ready for the switch, or why not. */
export interface Precopied {
  options: SwitchOptions;
  predicted: Prediction | null;
  /** Given up: the compute would have to be frozen for too long. */
  causes: Cause[];
  wireBytes: number;
}

/** Begins copying the memory: tracker and restore mode are chosen, the target makes its page store. */
export async function openMemory(
  input: MigrateComputeInput,
  transfer: TransferInput,
  undo: Undo,
): Promise<MemoryPlan> {
  const { migrationId: migration, computes } = input;
  const end = { migration, computes };
  undo.register('drop the pages', () => deviceActivities(input.target)('drop the pages').closeMemory(end));
  undo.register('end the copy', () =>
    deviceActivities(input.source)('end the copy of memory').closeMemory(end),
  );
  const plan = await deviceActivities(input.source)('choose how memory is copied').openMemory({
    ...{ migration, computes, peer: transfer.peer },
    bandwidthMbit: input.bandwidthMbit ?? null,
  });
  await controlActivities().recordMemoryPlan(migration, plan);
  return plan;
}

/** Copies the memory of the running computes, round by round, until another round would gain nothing. */
export async function precopy(
  input: MigrateComputeInput,
  transfer: TransferInput,
  plan: MemoryPlan,
  undo: Undo,
): Promise<Precopied> {
  const { migrationId: migration, computes } = input;
  const history = await controlActivities().freezeHistory(input.computes.map(({ id }) => id));
  const options: SwitchOptions = {
    maxDowntimeMs: input.maxDowntimeMs ?? null,
    memoryBytes: plan.memoryBytes,
    fixedFreezeMs: history ?? DEFAULT_FIXED_FREEZE_MS,
    rounds: [],
  };
  const done: Precopied = { options, predicted: null, causes: [], wireBytes: 0 };
  if (!plan.copies) return done;
  const startedAt = Date.now();
  let throttle = 1;
  let expectedFreezeMs = freezeWithoutRounds(options, bytesPerSecond(input.bandwidthMbit ?? null));
  for (;;) {
    const number = options.rounds.length + 1;
    await enter(migration, 'precopying', `Copying memory while the compute runs, round ${number}.`);
    const figures = await deviceActivities(input.source)(`round ${number}`).copyRound({
      ...{ migration, computes, peer: transfer.peer },
      round: number,
      expectedFreezeMs,
    });
    const next = decideNextRound({
      ...options,
      rounds: [...options.rounds, figures],
      allowThrottle: input.allowThrottle ?? false,
      throttle,
      closing: false,
    });
    const round = decided(figures, next);
    expectedFreezeMs = next.expectedFreezeMs;
    options.rounds.push(round);
    done.wireBytes += round.wireBytes;
    done.predicted = predict(done.wireBytes, next, Date.now() - startedAt);
    await controlActivities().recordRounds(migration, [round]);
    if (next.action === 'switch') return done;
    if (next.action === 'giveUp') return { ...done, causes: [causeOfGivingUp(next)] };
    if (next.action === 'throttle') {
      if (throttle === 1) undo.register('take off the throttle', () => setThrottle(input, 1));
      throttle = next.throttleTo ?? throttle;
      await setThrottle(input, throttle);
      await controlActivities().recordThrottle(migration, throttle);
    }
  }
}

/** Gives the computes a share of their processor time; 1 is all of it. */
async function setThrottle(
  { migrationId, computes, source }: MigrateComputeInput,
  share: number,
): Promise<void> {
  const summary = share === 1 ? 'full speed again' : `slow down to ${Math.round(share * 100)} %`;
  await deviceActivities(source)(summary).throttleComputes({ migration: migrationId, computes, share });
}

function decided(
  figures: Omit<Round, 'closing' | 'decision' | 'reason' | 'expectedFreezeMs'>,
  next: NextRound,
): Round {
  const { action: decision, reason, expectedFreezeMs } = next;
  return { ...figures, closing: false, decision, reason, expectedFreezeMs };
}

function predict(wireBytes: number, next: NextRound, elapsedMs: number): Prediction {
  return {
    freezeMs: next.expectedFreezeMs,
    wireBytes: Math.round(wireBytes + next.expectedBytes),
    totalMs: elapsedMs + next.expectedFreezeMs,
  };
}

function causeOfGivingUp({ code = 'notConverging', reason, mend = '' }: NextRound): Cause {
  return { code, message: reason, mend };
}
