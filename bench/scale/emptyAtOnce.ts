import { setTimeout as pause } from 'node:timers/promises';
import { listOf } from '../../core/api/common.ts';
import { evacuationSummarySchema } from '../../core/api/evacuations.ts';
import { DrayageError } from '../../core/cause.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import { listDevices } from '../../lab/join.ts';
import type { Evacuations } from './step.ts';

/** Between two looks at what has not ended, milliseconds. */
const LOOK_MS = 2_000;
const listSchema = listOf(evacuationSummarySchema.pick({ state: true, reason: true, counts: true }));

/** Empties these devices at once, and waits until all evacuations have ended. `told` hears how many have not. */
export async function emptyAtOnce(
  api: ControlApi,
  devices: readonly string[],
  signal: AbortSignal,
  told: (open: number) => void,
): Promise<Evacuations> {
  const [from, planMs, reasons]: [number, number[], string[]] = [performance.now(), [], []];
  const ask = async (device: string) => {
    const asked = performance.now();
    try {
      await api.request('POST', `/devices/${device}/evacuations`, {});
      planMs.push(performance.now() - asked);
    } catch (error) {
      if (!(error instanceof DrayageError)) throw error;
      reasons.push(error.message);
    }
  };
  await Promise.all(devices.map(ask));
  const list = async (query: string) =>
    listSchema.parse(await api.request('GET', `/evacuations?limit=500${query}`)).items;
  for (let open = planMs.length; open > 0;) {
    await pause(LOOK_MS, undefined, { signal });
    open = (await list('&open=true')).length;
    told(open);
  }
  const seconds = (performance.now() - from) / 1000;
  const ended = (await list('')).slice(0, planMs.length);
  reasons.push(...ended.filter(({ state }) => state !== 'succeeded').map(({ reason }) => reason));
  const drained = (await listDevices(api)).filter(
    ({ name, state }) => state === 'drained' && devices.includes(name),
  );
  return {
    ...{ asked: devices.length, drained: drained.length, seconds, planMs, reasons },
    moved: ended.reduce((sum, { counts }) => sum + (counts.moved ?? 0), 0),
  };
}
