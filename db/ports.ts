import { count, eq } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import { MOST_PORTS_OF_TENANT, type PublishedPort } from '../core/publishedPorts.ts';
import type { Database } from './database.ts';
import { compute, port } from './schema/index.ts';

/**
 * Publishes ports of a compute, in the transaction that makes it; the tenant is locked by then.
 * @throws DrayageError portTaken, tooManyPorts
 */
export async function publishPorts(
  tx: Database,
  tenantId: string,
  computeId: string,
  ports: readonly PublishedPort[],
): Promise<void> {
  if (ports.length === 0) return;
  const [before] = await tx
    .select({ ports: count() })
    .from(port)
    .innerJoin(compute, eq(compute.id, port.computeId))
    .where(eq(compute.tenantId, tenantId));
  if ((before?.ports ?? 0) + ports.length > MOST_PORTS_OF_TENANT) {
    throw new DrayageError({
      code: 'tooManyPorts',
      message: `A tenant publishes at most ${String(MOST_PORTS_OF_TENANT)} ports; it has ${String(before?.ports ?? 0)}.`,
      mend: 'Delete computes whose ports are not needed any more.',
    });
  }
  const rows = ports.map(({ protocol, host, compute: number }) => ({
    protocol,
    host,
    computeId,
    port: number,
  }));
  const made = await tx.insert(port).values(rows).onConflictDoNothing().returning();
  const published = (one: PublishedPort) =>
    made.some(({ host, protocol }) => host === one.host && protocol === one.protocol);
  const taken = ports.find((one) => !published(one));
  if (taken === undefined) return;
  throw new DrayageError({
    code: 'portTaken',
    message: `Host port ${String(taken.host)}/${taken.protocol} is published already.`,
    mend: 'Choose another host port; every device has each only once.',
  });
}

/** Frees a compute's ports. */
export async function releasePorts(tx: Database, computeId: string): Promise<void> {
  await tx.delete(port).where(eq(port.computeId, computeId));
}
