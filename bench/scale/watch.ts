import { setTimeout as pause } from 'node:timers/promises';
import { apiUrl } from '../../lab/control.ts';
import { type ControlApi, controlApi } from '../../lab/controlApi.ts';
import type { Lab } from '../../lab/state.ts';
import { cpuOf, partsOf, usesSince } from './parts.ts';
import type { Records } from './records.ts';
import type { Watched } from './step.ts';

/** Between two reads of the API, milliseconds. */
const READ_EVERY_MS = 100;
const HEARTBEATS =
  /^drayage_http_requests_total\{method="POST",route="\/device\/v1\/heartbeat",status="200"\} (\d+)/m;

/** Measures while `action` goes on. `paths`: what is read of the API meanwhile, in turn. */
export async function watch<T>(
  { lab, records, paths }: { lab: Lab; records: Records; paths: readonly string[] },
  action: () => Promise<T>,
): Promise<{ watched: Watched; result: T }> {
  const api = await controlApi(lab);
  const parts = await partsOf(lab);
  const before = await Promise.all([heartbeats(lab, api), records.bytes(), cpuOf(parts)]);
  const from = performance.now();
  const reads = keepReading(api, paths);
  let result: T;
  try {
    result = await action();
  } finally {
    await reads.stop();
  }
  const seconds = (performance.now() - from) / 1000;
  const uses = await usesSince(parts, before[2]);
  const after = await Promise.all([heartbeats(lab, api), records.bytes()]);
  const grown = {
    postgres: after[1].postgres - before[1].postgres,
    temporal: after[1].temporal - before[1].temporal,
  };
  const watched = {
    ...{ seconds, parts: uses, readsMs: reads.tookMs, grown },
    heartbeats: after[0] - before[0],
  };
  return { watched, result };
}

async function heartbeats(lab: Lab, { token }: ControlApi): Promise<number> {
  const answer = await fetch(`${apiUrl(lab)}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return Number(HEARTBEATS.exec(await answer.text())?.[1] ?? 0);
}

/** Reads one path after the other, one at a time. */
function keepReading(api: ControlApi, paths: readonly string[]) {
  const tookMs: number[] = [];
  let stopped = false;
  const read = async () => {
    for (let turn = 0; !stopped; turn += 1) {
      const from = performance.now();
      await api.request('GET', paths[turn % paths.length] ?? '/devices');
      tookMs.push(performance.now() - from);
      await pause(READ_EVERY_MS);
    }
  };
  const reading = read();
  // A failed read is told by `stop`.
  reading.catch(() => undefined);
  return {
    tookMs,
    stop: () => {
      stopped = true;
      return reading;
    },
  };
}
