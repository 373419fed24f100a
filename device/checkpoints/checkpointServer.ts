import { z } from 'zod';
import { checkpointPartSchema, checkpointPlaceSchema } from '../../core/checkpoint.ts';
import { idSchema } from '../../core/ids.ts';
import { partNameSchema } from '../../core/snapshot.ts';
import type { LinkRequest } from '../link/linkServer.ts';
import { readJson } from '../link/readJson.ts';
import type { PeerLeases } from '../lease/peerLeases.ts';
import type { CheckpointStore } from './checkpointStore.ts';

/** Of requests about checkpoints, on the link: `/COMPUTE/EPOCH/NUMBER`, and `/PART` after it. */
export const CHECKPOINT_PATH = '/v1/checkpoints';

/** What is said when all parts have been sent: their names. */
export const commitSchema = z.object({ parts: z.array(partNameSchema).min(1).max(5000) });

/** Of a request for a lease, on the link. */
export const LEASE_PATH = '/v1/leases';

export const leaseAskSchema = z.object({
  computeId: idSchema('compute'),
  epoch: z.number().int(),
  /** Of the asking device's own lease, as the control plane said last. */
  generation: z.number().int(),
});
export const leaseAnswerSchema = z.object({ granted: z.boolean() });

/** For so long the control plane's word on who may send checkpoints of a compute is not asked for again, milliseconds. */
const KNOWN_MS = 60_000;

interface Deps {
  store: CheckpointStore;
  leases: Pick<PeerLeases, 'grant'>;
  /** Whether something of a compute is on this device, as its own: then it is nobody else's to let be reached. */
  isHere: (computeId: string) => Promise<boolean>;
  /** The device whose checkpoints of a compute are kept here; null when they are not. @throws while nobody answers */
  sourceOf: (computeId: string) => Promise<string | null>;
}

/** Takes checkpoints of peers' computes, where the control plane has said so, and grants leases for these while it is away. */
export class CheckpointServer {
  readonly #deps: Deps;
  readonly #known = new Map<string, { from: string | null; atMs: number }>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Resolves to false when the request is for something else. */
  async serve({ stream, path, peer }: LinkRequest): Promise<boolean> {
    if (path === LEASE_PATH) {
      const answer = await this.#grant(stream, peer);
      if (stream.destroyed) return true;
      stream.respond({ ':status': answer === null ? 400 : 200 });
      stream.end(answer === null ? '' : JSON.stringify(answer));
      return true;
    }
    if (!path.startsWith(`${CHECKPOINT_PATH}/`)) return false;
    const status = await this.#take(stream, path.slice(CHECKPOINT_PATH.length + 1).split('/'), peer);
    if (!stream.destroyed) {
      stream.respond({ ':status': status });
      stream.end();
    }
    return true;
  }

  async #take(stream: LinkRequest['stream'], words: string[], peer: string): Promise<number> {
    const [computeId, epoch, number, part] = words;
    const place = checkpointPlaceSchema.safeParse({ computeId, epoch, number });
    if (!place.success || words.length > 4) return 400;
    if (!(await this.#mayCome(place.data.computeId, peer))) return 403;
    if (part === undefined) {
      const said = await readJson(stream, commitSchema);
      if (said === null) return 400;
      await this.#deps.store.commit(place.data, said.parts);
      return 200;
    }
    const whole = checkpointPartSchema.safeParse({ computeId, epoch, number, part });
    if (!whole.success) return 400;
    await this.#deps.store.put(place.data, whole.data.part, stream);
    return 200;
  }

  /** Only for what could go on here: of which there is a checkpoint. */
  async #grant(
    stream: LinkRequest['stream'],
    peer: string,
  ): Promise<z.infer<typeof leaseAnswerSchema> | null> {
    const asked = await readJson(stream, leaseAskSchema);
    if (asked === null) return null;
    const { computeId, epoch, generation } = asked;
    const { store, leases, isHere } = this.#deps;
    const may =
      (await this.#mayCome(computeId, peer)) &&
      (await store.has(computeId, epoch)) &&
      !(await isHere(computeId));
    return { granted: may && (await leases.grant(computeId, generation)) };
  }

  /** A control plane that is away has said it before, or it may not. */
  async #mayCome(computeId: string, peer: string): Promise<boolean> {
    const known = this.#known.get(computeId);
    if (known?.from === peer && performance.now() - known.atMs < KNOWN_MS) return true;
    try {
      const from = await this.#deps.sourceOf(computeId);
      this.#known.set(computeId, { from, atMs: performance.now() });
      return from === peer;
    } catch {
      return known?.from === peer;
    }
  }
}
