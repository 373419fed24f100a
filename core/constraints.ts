import { z } from 'zod';
import { dockerArchitecture } from './architectures.ts';
import type { Cause } from './cause.ts';

const MOST_CONSTRAINTS = 16;

/** Names that stand for what a device is; every other one is a label of the device. */
export const PLACE_NAMES = ['location', 'architecture', 'device'] as const;

/**
 * What a compute asks of its devices, by name: `location`, `architecture`, `device`, or a label. All of them must be so, on
 * every device that it is ever on.
 */
export const constraintsSchema = z
  .record(
    z
      .string()
      .regex(/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/, 'must be location, architecture, device, or a label'),
    z
      .string()
      .min(1)
      .max(256)
      .regex(/^[^\p{Cc}]*$/u, 'must have no control characters'),
  )
  .refine(
    (all) => Object.keys(all).length <= MOST_CONSTRAINTS,
    `must be at most ${String(MOST_CONSTRAINTS)}`,
  );
export type Constraints = z.infer<typeof constraintsSchema>;

/** Computes of a tenant that have the same word are never on one device. */
export const apartSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens');

/** What constraints are about. */
export interface Place {
  name: string;
  location?: string | null | undefined;
  /** As Node has it, e.g. x64. */
  architecture?: string | undefined;
  labels?: Record<string, string> | undefined;
}

/** Which of the constraints a device does not meet. */
export function constraintCauses(place: Place, constraints: Constraints = {}): Cause[] {
  return Object.entries(constraints).flatMap(([name, wanted]) => {
    const found = valueOf(place, name);
    if (found !== null && isSame(name, found, wanted)) return [];
    return [
      {
        code: 'constraintNotMet',
        message: `Device ${place.name} ${found === null ? `has no ${name}` : `has ${name}=${found}`}, and ${name}=${wanted} is asked for.`,
        mend: 'Label a device so with `drayage device update`, or join one that is so.',
      },
    ];
  });
}

function valueOf(place: Place, name: string): string | null {
  if (name === 'location') return place.location ?? null;
  if (name === 'architecture') return place.architecture ?? null;
  if (name === 'device') return place.name;
  return place.labels?.[name] ?? null;
}

/** amd64 and x64 are two names of one thing. */
function isSame(name: string, found: string, wanted: string): boolean {
  if (name !== 'architecture') return found === wanted;
  return dockerArchitecture(found) === dockerArchitecture(wanted);
}
