import { CancellationScope, sleep } from '@temporalio/workflow';
import type { TransferInput } from '../core/moveInput.ts';
import type { Cause } from '../core/cause.ts';
import type { SwitchOptions } from '../core/memoryInput.ts';
import type { Phase, Round } from '../core/migration.ts';
import { deviceActivities } from './activityProxies.ts';

/** How the hot window ended, from whoever could tell. */
export interface Switched {
  owner: 'source' | 'target';
  /** Whether the computes were ever frozen. */
  frozen: boolean;
  /** Whether the source itself has ended its part; if not, it still owes the release. */
  sourceKnows: boolean;
  reason: string;
  causes: Cause[];
  phases: Phase[];
  /** The source's own rounds right before the freeze. */
  rounds: Round[];
  predicted: { freezeMs: number; wireBytes: number } | null;
  frozenMs: number | null;
  wireBytes: number;
}

/** How long the source is waited for once the target owns the computes. */
const SOURCE_GRACE = '10 seconds';

/**
 * Lets both devices' machines do the hot window and waits for its end. There is no deadline: the devices and the control
 * plane's verdict decide, however long one of them is away. A target that owns the computes is an end by itself.
 */
export async function switchOver(
  transfer: TransferInput,
  source: string,
  target: string,
  options: SwitchOptions,
): Promise<Switched> {
  const scope = new CancellationScope({ cancellable: true });
  return scope.run(async () => {
    const onSource = deviceActivities(source)('freeze, dump, hand over').switchSource(transfer, options);
    const onTarget = deviceActivities(target)('restore, open').awaitTarget({ ...transfer, peer: source });
    onTarget.catch(() => undefined);
    const owned = onTarget.then((outcome) =>
      outcome.state === 'owner' ? outcome : new Promise<never>(() => undefined),
    );
    const first = await Promise.race([onSource, owned.then(() => null)]);
    const atSource = first ?? (await Promise.race([onSource, sleep(SOURCE_GRACE).then(() => null)]));
    if (atSource && atSource.state !== 'released') {
      scope.cancel();
      return {
        ...atSource,
        owner: 'source',
        frozen: atSource.state === 'thawed',
        sourceKnows: true,
      };
    }
    const atTarget = await owned;
    const phases = [...(atSource?.phases ?? []), ...atTarget.phases].sort((a, b) =>
      a.startedAt.localeCompare(b.startedAt),
    );
    if (!atSource) scope.cancel();
    return {
      owner: 'target',
      frozen: true,
      sourceKnows: atSource !== null,
      reason: atTarget.reason,
      causes: [],
      phases,
      rounds: atSource?.rounds ?? [],
      predicted: atSource?.predicted ?? null,
      frozenMs: atSource?.frozenMs ?? null,
      wireBytes: atSource?.wireBytes ?? 0,
    };
  });
}
