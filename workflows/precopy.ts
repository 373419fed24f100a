import { CancellationScope } from '@temporalio/workflow';
import type { MemoryPlan } from '../activities/device/memoryInterface.ts';
import type { Cause } from '../core/cause.ts';
import {
  DEFAULT_FIXED_FREEZE_MS,
  decideNextRound,
  freezeWithoutRounds,
  recordedRound,
  type NextRound,
} from '../core/decideNextRound.ts';
import { bytesPerSecond } from '../core/memorySize.ts';
import type { SwitchOptions } from '../core/memoryInput.ts';
import type { Prediction } from '../core/migration.ts';
import type { TransferInput } from '../core/moveInput.ts';
import { controlActivities, deviceActivities } from './activityProxies.ts';
import type { MigrateComputeInput } from './contract.ts';
import type { Recorder } from './record.ts';
import type { Undo } from './undo.ts';

/** What the hot window needs takes about half as long to start, on two cores that copy memory meanwhile. */
const ARM_LEAD_MS = 2000;

/** What pre-copy came to: ready for the switch, or why not. */
export interface Precopied {
  options: SwitchOptions;
  predicted: Prediction | null;
  /** Given up: the compute would have to be frozen for too long. */
  causes: Cause[];
  wireBytes: number;
}

/** What is known of the memory before any of it is copied. */
export interface Opened {
  plan: MemoryPlan;
  /** What a freeze of these computes costs without any page, milliseconds. */
  fixedFreezeMs: number;
}

/** Begins copying the memory: tracker and restore mode are chosen, the target makes its page store. */
export async function openMemory(
  input: MigrateComputeInput,
  transfer: TransferInput,
  undo: Undo,
  recorder: Recorder,
): Promise<Opened> {
  const { migrationId: migration, computes } = input;
  const end = { migration, computes };
  undo.register('drop the pages', () => deviceActivities(input.target)('drop the pages').closeMemory(end));
  undo.register('end the copy', () =>
    deviceActivities(input.source)('end the copy of memory').closeMemory(end),
  );
  const [plan, history] = await Promise.all([
    deviceActivities(input.source)('choose how memory is copied').openMemory({
      ...{ migration, computes, peer: transfer.peer },
      bandwidthMbit: input.bandwidthMbit ?? null,
    }),
    controlActivities().freezeHistory(computes.map(({ id }) => id)),
  ]);
  recorder.write({ kind: 'plan', plan });
  return { plan, fixedFreezeMs: history ?? DEFAULT_FIXED_FREEZE_MS };
}

/**
 * Copies the memory of the running computes, round by round, until another round would gain nothing. `beside` is begun when
 * the first round is nearly over, and nothing is decided before it is done.
 */
export async function precopy(
  input: MigrateComputeInput,
  transfer: TransferInput,
  { plan, fixedFreezeMs }: Opened,
  { undo, recorder, beside }: { undo: Undo; recorder: Recorder; beside: () => Promise<void> },
): Promise<Precopied> {
  const { migrationId: migration, computes } = input;
  const options: SwitchOptions = {
    maxDowntimeMs: input.maxDowntimeMs ?? null,
    memoryBytes: plan.memoryBytes,
    fixedFreezeMs,
    rounds: [],
  };
  const done: Precopied = { options, predicted: null, causes: [], wireBytes: 0 };
  if (!plan.copies) return done;
  const startedAt = Date.now();
  let throttle = 1;
  let expectedFreezeMs = freezeWithoutRounds(options, bytesPerSecond(input.bandwidthMbit ?? null));
  for (;;) {
    const number = options.rounds.length + 1;
    recorder.enter('precopying', `Copying memory while the compute runs, round ${number}.`);
    const figures = await together(
      () =>
        deviceActivities(input.source)(`round ${number}`).copyRound({
          ...{ migration, computes, peer: transfer.peer },
          round: number,
          expectedFreezeMs,
        }),
      async () => {
        if (number === 1) await nearItsEnd(input).then(beside);
      },
    );
    const next = decideNextRound({
      ...options,
      rounds: [...options.rounds, figures],
      allowThrottle: input.allowThrottle ?? false,
      throttle,
      closing: false,
    });
    const round = recordedRound(figures, next, false);
    expectedFreezeMs = next.expectedFreezeMs;
    options.rounds.push(round);
    done.wireBytes += round.wireBytes;
    done.predicted = predict(done.wireBytes, next, Date.now() - startedAt);
    recorder.write({ kind: 'rounds', rounds: [round] });
    if (next.action === 'switch') return done;
    if (next.action === 'giveUp') return { ...done, causes: [causeOfGivingUp(next)] };
    if (next.action === 'throttle') {
      if (throttle === 1) undo.register('take off the throttle', () => setThrottle(input, 1));
      throttle = next.throttleTo ?? throttle;
      await setThrottle(input, throttle);
      recorder.write({ kind: 'throttle', share: throttle });
    }
  }
}

/** Resolves with what the first comes to when both are done; when one fails, nothing more of the other is begun. */
async function together<T>(first: () => Promise<T>, second: () => Promise<void>): Promise<T> {
  const scope = new CancellationScope({ cancellable: true });
  try {
    const [result] = await scope.run(() => Promise.all([first(), second()]));
    return result;
  } catch (error) {
    scope.cancel();
    throw error;
  }
}

function nearItsEnd({ source, migrationId: migration }: MigrateComputeInput): Promise<void> {
  return deviceActivities(source)('until the first round is nearly over').awaitRoundEnding({
    ...{ migration, leadMs: ARM_LEAD_MS },
  });
}

/** Gives the computes a share of their processor time; 1 is all of it. */
async function setThrottle(
  { migrationId, computes, source }: MigrateComputeInput,
  share: number,
): Promise<void> {
  const summary = share === 1 ? 'full speed again' : `slow down to ${Math.round(share * 100)} %`;
  await deviceActivities(source)(summary).throttleComputes({ migration: migrationId, computes, share });
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
