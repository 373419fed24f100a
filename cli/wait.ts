import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client, Schemas } from '../client/createClient.ts';
import { ProblemError } from '../client/problemError.ts';
import { FINAL_APP_STATES } from '../core/application.ts';
import { DrayageError } from '../core/cause.ts';
import { FINAL_MIGRATION_STATES } from '../core/migration.ts';
import { clock, startProgress } from './output.ts';

/** Between two looks, milliseconds: the API has no events yet. */
const LOOK_MS = 200;
/** How long the control plane may be away while something is waited for, milliseconds. */
const AWAY_MS = 120_000;

/** Looks again and again until `done`; a control plane that is away for a while is waited for. */
async function poll<T>(
  look: () => Promise<T>,
  options: { done: (value: T) => boolean; say: (value: T) => string; signal?: AbortSignal | undefined },
): Promise<T> {
  const progress = startProgress();
  let awaySince: number | null = null;
  try {
    for (;;) {
      try {
        const value = await look();
        awaySince = null;
        if (options.done(value)) return value;
        progress.say(options.say(value));
      } catch (error) {
        if (!isAway(error)) throw error;
        awaySince ??= performance.now();
        if (performance.now() - awaySince > AWAY_MS) throw error;
        progress.say('the control plane does not answer; waiting for it');
      }
      await sleep(LOOK_MS, undefined, options.signal ? { signal: options.signal } : {});
    }
  } finally {
    progress.end();
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.status >= 500;
  return error instanceof DrayageError && error.retryable;
}

const lookAtCompute = (client: Client, id: string) => () =>
  client.get('/computes/{id}', { params: { path: { id } } });

/** Waits until an image has come from its registry, or will not. */
export async function waitForPull(client: Client, id: string): Promise<Schemas['ImagePull']> {
  return poll(() => client.get('/images/pulls/{pull}', { params: { path: { pull: id } } }), {
    done: ({ state }) => state !== 'running',
    say: ({ reference }) => `pulling ${reference}`,
  });
}

/** Waits until a snapshot is ready, or has failed. */
export async function waitForSnapshot(client: Client, id: string): Promise<Schemas['Snapshot']> {
  return poll(() => client.get('/snapshots/{id}', { params: { path: { id } } }), {
    done: ({ state }) => state !== 'creating',
    say: ({ name, compute }) => `the snapshot ${name} of ${compute.name} is being made`,
  });
}

/** Waits until a compute is in one of the states. */
export async function waitForCompute(
  client: Client,
  id: string,
  states: Schemas['Compute']['state'][],
): Promise<Schemas['Compute']> {
  return poll(lookAtCompute(client, id), {
    done: ({ state }) => states.includes(state),
    say: ({ name, state, device }) => `${name} is ${state} on ${device.name}`,
  });
}

/** Waits until the last change of a compute was made or refused. */
export async function waitForUpdate(client: Client, id: string): Promise<Schemas['Compute']> {
  return poll(lookAtCompute(client, id), {
    done: ({ lastUpdate }) => lastUpdate?.state !== 'applying',
    say: ({ name }) => `${name} is being changed`,
  });
}

/** Waits until an application's build has ended. */
export async function waitForApp(client: Client, id: string): Promise<Answer<'/apps/{id}', 'get'>> {
  return poll(() => client.get('/apps/{id}', { params: { path: { id } } }), {
    done: ({ state }) => FINAL_APP_STATES.includes(state),
    say: ({ name, state, device, log }) =>
      [`${name} is ${state} on ${device.name}`, ...log.slice(-1)].join(': '),
  });
}

/** Waits until a compute is gone; null then, or its record when its deletion failed. */
export async function waitForRemoval(client: Client, id: string): Promise<Schemas['Compute'] | null> {
  try {
    return await poll(lookAtCompute(client, id), {
      done: ({ state }) => state === 'failed',
      say: ({ name }) => `${name} is being deleted`,
    });
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return null;
    throw error;
  }
}

/** Waits until a move has ended; `look` sees every record on the way. */
export async function waitForMigration(
  client: Client,
  id: string,
  { signal, look }: { signal?: AbortSignal; look?: (migration: Schemas['Migration']) => void } = {},
): Promise<Schemas['Migration']> {
  return poll(() => client.get('/migrations/{id}', { params: { path: { id } }, signal }), {
    done: (migration) => {
      look?.(migration);
      return FINAL_MIGRATION_STATES.includes(migration.state);
    },
    say: ({ state, reason }) => `${state}: ${reason}`,
    signal,
  });
}

/** Waits until an evacuation has ended. */
export async function waitForEvacuation(client: Client, id: string): Promise<Schemas['Evacuation']> {
  return poll(() => client.get('/evacuations/{id}', { params: { path: { id } } }), {
    done: ({ endedAt }) => endedAt !== null,
    say: ({ counts, reason, predictedEndAt }) => {
      const open = (counts.waiting ?? 0) + (counts.moving ?? 0);
      // The clock time: it stays the same while nothing changes.
      const end = predictedEndAt === null ? '' : `, ends at about ${clock(predictedEndAt)}`;
      return `${String(counts.moved ?? 0)} moved, ${String(open)} to go${end}: ${reason}`;
    },
  });
}
