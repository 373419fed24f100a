import { DEFAULT_MEMORY_BYTES, type Demand } from './choosePlacement.ts';
import type { ComputeSpec } from './compute.ts';

/** A compute as far as it matters to where it can be. */
export interface DemandingCompute {
  tenantId: string;
  spec: Pick<ComputeSpec, 'memoryBytes' | 'image' | 'constraints' | 'apart'>;
  imageBytes: number;
}

/** What a compute needs of a device. */
export function demandOf({ tenantId, spec, imageBytes }: DemandingCompute): Demand {
  return {
    memoryBytes: spec.memoryBytes ?? DEFAULT_MEMORY_BYTES,
    // Archive and unpacked layers are about the same, and both lie there while the image is loaded.
    diskBytes: 2 * imageBytes,
    constraints: spec.constraints,
    apart: spec.apart === undefined ? [] : [`${tenantId}/${spec.apart}`],
    images: [spec.image.digest],
  };
}

/** What the computes of a group need all together; their constraints have to be met all at once. */
export function demandOfGroup(group: readonly DemandingCompute[]): Demand {
  const demands = group.map(demandOf);
  const sum = (of: (demand: Demand) => number) => demands.reduce((total, demand) => total + of(demand), 0);
  return {
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    diskBytes: sum(({ diskBytes }) => diskBytes),
    constraints: Object.assign({}, ...demands.map(({ constraints }) => constraints ?? {})) as Record<
      string,
      string
    >,
    apart: [...new Set(demands.flatMap(({ apart }) => apart ?? []))],
    images: [...new Set(demands.flatMap(({ images }) => images ?? []))],
  };
}

/** While a move restores, images and copy of the memory lie side by side. */
const MOVE_MEMORY_FACTOR = 2;

/** What a move needs of its target, where `usedBytes` of memory are in use (null: not told). */
export function demandOfMove(demand: Demand, usedBytes: number | null): Demand {
  return { ...demand, memoryBytes: Math.max(demand.memoryBytes, (usedBytes ?? 0) * MOVE_MEMORY_FACTOR) };
}
