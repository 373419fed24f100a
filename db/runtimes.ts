import { asc, eq, sql } from 'drizzle-orm';
import type { Runtime } from '../core/appManifest.ts';
import { DrayageError } from '../core/cause.ts';
import { type Database, unknown } from './database.ts';
import { addEvent } from './events.ts';
import { image, imageBlob, runtimeBase } from './schema/index.ts';

/** What applications of a runtime are built on. */
export interface RuntimeBase {
  runtime: Runtime;
  imageId: string;
  digest: string;
  /** As Docker names it, e.g. amd64. */
  architecture: string;
  bytes: number;
  setAt: Date;
}

function bases(db: Database) {
  return db
    .select({ base: runtimeBase, digest: image.digest, blob: imageBlob })
    .from(runtimeBase)
    .innerJoin(image, eq(image.id, runtimeBase.imageId))
    .innerJoin(imageBlob, eq(imageBlob.digest, image.digest));
}

const toBase = ({ base, digest, blob }: Awaited<ReturnType<typeof bases>>[number]): RuntimeBase => ({
  ...base,
  digest,
  architecture: blob.info.architecture,
  bytes: blob.bytes,
});

export async function listRuntimes(db: Database): Promise<RuntimeBase[]> {
  return (await bases(db).orderBy(asc(runtimeBase.runtime))).map(toBase);
}

/** @throws DrayageError noBase */
export async function getRuntime(db: Database, runtime: Runtime): Promise<RuntimeBase> {
  const [row] = await bases(db).where(eq(runtimeBase.runtime, runtime));
  if (row) return toBase(row);
  throw new DrayageError({
    code: 'noBase',
    message: `No image has been set that ${runtime} applications are built on.`,
    mend: `The operator sets one: \`drayage runtime set ${runtime} IMAGE\`, in a lab \`drayage lab bases\`.`,
  });
}

/** Makes an image the one that applications of a runtime are built on, instead of another. */
export async function setRuntime(
  db: Database,
  values: { runtime: Runtime; imageId: string; actor: string },
): Promise<RuntimeBase> {
  const { runtime, imageId, actor } = values;
  return db.transaction(async (tx) => {
    await tx
      .insert(runtimeBase)
      .values({ runtime, imageId })
      .onConflictDoUpdate({ target: runtimeBase.runtime, set: { imageId, setAt: sql`now()` } });
    const message = `Applications of ${runtime} have another base.`;
    await addEvent(tx, { type: 'runtime.set', subject: imageId, actor, message, data: { runtime } });
    return getRuntime(tx, runtime);
  });
}

/** Applications of this runtime can be built no more. @throws DrayageError unknownRuntime */
export async function removeRuntime(db: Database, runtime: Runtime, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.delete(runtimeBase).where(eq(runtimeBase.runtime, runtime)).returning();
    if (!row) throw unknown('runtime', runtime);
    const message = `Applications of ${runtime} have no base any more.`;
    await addEvent(tx, { type: 'runtime.removed', subject: row.imageId, actor, message, data: { runtime } });
  });
}
