import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DrayageError } from '../core/cause.ts';
import {
  SELF_EVACUATION_CAUSES,
  type SelfEvacuation,
  type SelfEvacuationRequest,
  selfEvacuationRequestSchema,
} from '../core/deviceApi.ts';
import { ControlClient } from '../device/control/controlClient.ts';
import { readIdentity } from '../device/control/identityStore.ts';
import { readNodeConfig } from './node/config.ts';
import { controlUrlOf } from './node/obtainIdentity.ts';
import { sayFailure } from './sayFailure.ts';

/** Asks, on a device and in its name, that it be emptied; with `--wait` until that has ended or the deadline has passed. */
const AGAIN_MS = 2000;

const { values } = parseArgs({
  options: {
    cause: { type: 'string', default: 'shutdown' },
    deadline: { type: 'string', default: '600' },
    wait: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const request = readRequest();
  const until = performance.now() + request.deadlineSeconds * 1000;
  const config = readNodeConfig({ DRAYAGE_DEVICE_NAME: hostname().toLowerCase(), ...process.env });
  const identity = await readIdentity(config.stateDir);
  if (!identity) {
    say('This device has not joined; there is nothing to be moved.');
    return 0;
  }
  const control = new ControlClient(controlUrlOf(config, identity), identity);
  const answered = await patiently(() => control.evacuate(request), until);
  let last = answered;
  while (values.wait && last?.ended === false && performance.now() < until) {
    await pause(AGAIN_MS);
    last = (await patiently(() => control.evacuation(), until)) ?? last;
  }
  say(last === null ? 'The control plane did not answer before the deadline.' : inWords(last));
  return values.wait ? (last?.state === 'succeeded' ? 0 : 1) : last === null ? 1 : 0;
}

function readRequest(): SelfEvacuationRequest {
  const { cause, deadline } = values;
  const parsed = selfEvacuationRequestSchema.safeParse({ cause, deadlineSeconds: Number(deadline) });
  if (parsed.success) return parsed.data;
  throw new DrayageError({
    code: 'badInput',
    message: 'The cause or the deadline is not right.',
    mend: `--cause is one of ${SELF_EVACUATION_CAUSES.join(', ')}; --deadline is in seconds, from 1 to 86400.`,
  });
}

/** Again while nobody answers; null when it is too late. @throws DrayageError of what does not get better */
async function patiently<T>(call: () => Promise<T>, until: number): Promise<T | null> {
  while (performance.now() < until) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof DrayageError && error.retryable)) throw error;
      await pause(AGAIN_MS);
    }
  }
  return null;
}

function inWords({ id, state, reason, counts }: SelfEvacuation): string {
  const { moved = 0, moving = 0, waiting = 0, left = 0 } = counts;
  const figures = [`${String(moved)} moved`, `${String(moving + waiting)} to go`, `${String(left)} left`];
  return `${id} is ${state}: ${reason} (${figures.join(', ')})`;
}

function say(words: string): void {
  process.stdout.write(`${words}\n`);
}

function fail(error: unknown): number {
  sayFailure(error);
  return 1;
}

process.exit(await main().catch(fail));
