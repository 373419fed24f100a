import { DrayageError } from '../../core/cause.ts';
import { bytesPerSecond } from '../../core/memorySize.ts';
import {
  memoryEndInputSchema,
  openMemoryInputSchema,
  roundEndingInputSchema,
  roundInputSchema,
  throttleInputSchema,
} from '../../core/memoryInput.ts';
import type { Progress } from '../../core/migration.ts';
import { checkInput, transferInputSchema } from '../../core/moveInput.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import { BESIDE, FIRST_ROUND } from '../../device/memory/stream/memorySession.ts';
import { postingProgress } from '../../device/memory/postingProgress.ts';
import { withFailures } from '../failure.ts';
import { beating } from '../beating.ts';
import type { FillResult, MemoryActivities } from './memoryInterface.ts';

export interface MemoryDeps {
  device: Pick<Device, 'memory' | 'pages' | 'throttle' | 'failpoint'>;
  control: ControlClient;
}

/** A device's part in copying memory. A round whose worker has ended cannot be taken up: the copy begins anew. */
export function createMemoryActivities({ device, control }: MemoryDeps): MemoryActivities {
  const { memory, pages } = device;
  return withFailures<MemoryActivities>({
    async openMemory(given) {
      const { migration, computes, peer, bandwidthMbit } = checkInput(openMemoryInputSchema, given);
      const target = await control.peer(peer);
      const computeIds = computes.map(({ id }) => id);
      return beating(() => memory.open({ migration, computeIds, target }, bytesPerSecond(bandwidthMbit)));
    },

    async copyRound(given) {
      const { migration, round, expectedFreezeMs } = checkInput(roundInputSchema, given);
      let latest: object = { round };
      const post = (now: Progress) => {
        latest = now;
        return control.progress(migration, now);
      };
      const figures = await beating(
        async () => {
          await device.failpoint('source.copying');
          return postingProgress({ round, expectedFreezeMs }, post, (tell) =>
            memory.round(migration, round, round === 1 ? FIRST_ROUND : BESIDE, tell),
          );
        },
        () => latest,
      );
      if (figures === null) throw copyGone();
      return figures;
    },

    async awaitRoundEnding(given) {
      const { migration, leadMs } = checkInput(roundEndingInputSchema, given);
      await beating(() => memory.firstRoundEnding(migration, leadMs));
    },

    async throttleComputes(given) {
      const { computes, share } = checkInput(throttleInputSchema, given);
      for (const spec of computes) await device.throttle(spec, share);
    },

    async closeMemory(given) {
      const { migration, computes } = checkInput(memoryEndInputSchema, given);
      await memory.close(migration);
      for (const { id } of computes) await pages.forget(migration, id);
    },

    async awaitFilled(given) {
      const { migration, computes } = checkInput(transferInputSchema, given);
      return beating(async () => {
        const all: FillResult[] = [];
        for (const { id } of computes) all.push(await pages.filled(migration, id));
        return (
          all.find(({ state }) => state === 'failed') ?? {
            state: all.some(({ state }) => state === 'filled') ? ('filled' as const) : ('none' as const),
            pages: all.reduce((sum, one) => sum + one.pages, 0),
            ms: Math.max(0, ...all.map(({ ms }) => ms)),
            reason: '',
          }
        );
      });
    },
  });
}

function copyGone(): DrayageError {
  return new DrayageError({
    code: 'copyLost',
    message: 'The worker of the source device ended while memory was being copied.',
    mend: 'The compute was not touched; the copy has to begin anew.',
  });
}
