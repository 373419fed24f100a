import { idempotencyKey } from '../../../lib/api/idempotencyKey.ts';
import { session } from '../../../lib/state/session.svelte.ts';
import type { Compute } from '../../../lib/state/collections.ts';
import { toast } from '../../../lib/ui/toast.ts';

const of = ({ id }: Compute) => ({ params: { path: { id } }, headers: idempotencyKey() });

/** Asks for its start; its state tells when it runs. */
export async function start(compute: Compute): Promise<void> {
  try {
    await session.workspace.client.post('/computes/{id}/start', of(compute));
    toast.done(`${compute.name} is being started.`);
  } catch (error) {
    toast.failure(error);
  }
}

/** @throws ProblemError, DrayageError */
export async function stop(compute: Compute): Promise<void> {
  await session.workspace.client.post('/computes/{id}/stop', of(compute));
  toast.done(`${compute.name} is being stopped.`);
}

/** @throws ProblemError, DrayageError */
export async function remove(compute: Compute): Promise<void> {
  const { id } = compute;
  await session.workspace.client.delete('/computes/{id}', { params: { path: { id } } });
  toast.done(`${compute.name} is being deleted.`);
}
