import { proxyActivities, type ActivityInterfaceFor, type ActivityOptions } from '@temporalio/workflow';
import type { ControlActivities, EvacuationActivities } from '../activities/controlInterface.ts';
import type { MemoryActivities } from '../activities/device/memoryInterface.ts';
import type { MigrationActivities } from '../activities/device/migration.ts';
import { CONTROL_TASK_QUEUE, deviceTaskQueue } from '../core/device.ts';

/** The control plane's activities; they are short and repeated until the database answers. */
export function controlActivities(): ActivityInterfaceFor<ControlActivities> {
  return proxyActivities<ControlActivities>({
    taskQueue: CONTROL_TASK_QUEUE,
    startToCloseTimeout: '10 seconds',
    retry: { initialInterval: '200 ms', maximumInterval: '5 seconds' },
  });
}

/** The same for evacuations; a step of one plans for all devices. */
export function evacuationActivities(summary: string): ActivityInterfaceFor<EvacuationActivities> {
  return proxyActivities<EvacuationActivities>({
    taskQueue: CONTROL_TASK_QUEUE,
    startToCloseTimeout: '60 seconds',
    retry: { initialInterval: '200 ms', maximumInterval: '5 seconds' },
    summary,
  });
}

/** A worker that is silent for this long is taken as gone, and the activity is tried again. */
const HEARTBEAT = '6 seconds';

/** Steps whose failure is an answer: they are tried a few times, then the migration ends. */
const FINITE: ActivityOptions = {
  startToCloseTimeout: '1 hour',
  scheduleToStartTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT,
  retry: { maximumAttempts: 3, initialInterval: '500 ms' },
};
/**
 * Arming begins a transfer, and a transfer is begun once: a worker that has so much to do that it is silent for a while is
 * waited for, since nobody tries it again. The computes run on meanwhile.
 */
const ONCE: ActivityOptions = {
  ...FINITE,
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 1 },
};
/** From the freeze on there is no giving up: attempts attach to the device's own machine until that has ended. */
const ENDLESS: ActivityOptions = {
  startToCloseTimeout: '365 days',
  heartbeatTimeout: HEARTBEAT,
  retry: { initialInterval: '300 ms', maximumInterval: '2 seconds', backoffCoefficient: 1.5 },
};

type DeviceActivities = MigrationActivities & MemoryActivities;

/** A round cannot be taken up by another worker: the copy has lost its place, and the migration ends or begins it anew. */
const ROUND: ActivityOptions = {
  ...FINITE,
  retry: {
    maximumAttempts: 2,
    initialInterval: '500 ms',
    nonRetryableErrorTypes: ['copyLost', 'targetMemoryFull'],
  },
};

const OPTIONS: Record<keyof DeviceActivities, ActivityOptions> = {
  inspectSource: { ...FINITE, startToCloseTimeout: '30 seconds', heartbeatTimeout: undefined },
  prepareTarget: FINITE,
  syncFiles: FINITE,
  armTarget: ONCE,
  armSource: ONCE,
  disarmSource: { ...FINITE, scheduleToStartTimeout: '10 seconds' },
  switchSource: ENDLESS,
  abortSwitch: ENDLESS,
  awaitTarget: ENDLESS,
  discardTarget: { ...FINITE, heartbeatTimeout: undefined, scheduleToStartTimeout: '30 seconds' },
  releaseSource: { ...ENDLESS, startToCloseTimeout: '5 minutes' },
  forgetFiles: { ...FINITE, heartbeatTimeout: undefined },
  openMemory: FINITE,
  copyRound: ROUND,
  awaitRoundEnding: FINITE,
  throttleComputes: { ...FINITE, startToCloseTimeout: '30 seconds', heartbeatTimeout: undefined },
  closeMemory: { ...FINITE, startToCloseTimeout: '1 minute', heartbeatTimeout: undefined },
  awaitFilled: { ...ENDLESS, retry: { initialInterval: '300 ms', maximumInterval: '5 seconds' } },
};

/** A device's activities, on its own task queue; `summary` is what Temporal's UI shows beside the activity's name. */
export function deviceActivities(
  deviceId: string,
): (summary: string) => ActivityInterfaceFor<DeviceActivities> {
  return (summary) => {
    const proxies = Object.entries(OPTIONS).map(([name, options]) => {
      const proxy = proxyActivities<DeviceActivities>({
        ...options,
        taskQueue: deviceTaskQueue(deviceId),
        summary,
      });
      return [name, proxy[name as keyof DeviceActivities]];
    });
    return Object.fromEntries(proxies) as ActivityInterfaceFor<DeviceActivities>;
  };
}
