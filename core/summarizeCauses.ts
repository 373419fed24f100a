import { dockerArchitecture } from './architectures.ts';
import type { Cause } from './cause.ts';
import type { Candidate } from './choosePlacement.ts';

/** A device, and why it cannot take something; no cause: it can. */
export interface Looked {
  device: Pick<Candidate, 'name' | 'state' | 'architecture'>;
  causes: readonly Cause[];
}

/** Each of one, and of several. */
const WORDS: Record<string, [one: string, several: string]> = {
  deviceUnreachable: ['does not answer', 'do not answer'],
  outOfMemory: ['lacks memory', 'lack memory'],
  outOfDisk: ['lacks disk', 'lack disk'],
  constraintNotMet: ['is not as asked for', 'are not as asked for'],
  keptApart: ['has one that it is kept apart from', 'have one that it is kept apart from'],
  cpuFeaturesLacking: ['lacks CPU features', 'lack CPU features'],
  failedBefore: ['has failed to take it', 'have failed to take it'],
};

/**
 * Why devices cannot, in one sentence for a person: "5 of 7 devices cannot: 3 lack memory, 2 are arm64." Each device is
 * counted once, by its first cause. Empty when all can.
 */
export function summarizeCauses(looked: readonly Looked[]): string {
  const against = looked.filter(({ causes }) => causes.length > 0);
  if (against.length === 0) return '';
  const counts = new Map<string, { words: [string, string]; count: number }>();
  for (const { device, causes } of against) {
    const words = wordsOf(device, causes[0]);
    const entry = counts.get(words[0]) ?? { words, count: 0 };
    entry.count += 1;
    counts.set(words[0], entry);
  }
  const parts = [...counts.values()]
    .toSorted((a, b) => b.count - a.count || a.words[0].localeCompare(b.words[0]))
    .map(({ words: [one, several], count }) => `${String(count)} ${count === 1 ? one : several}`);
  const all = looked.length;
  return `${String(against.length)} of ${String(all)} ${all === 1 ? 'device' : 'devices'} cannot: ${parts.join(', ')}.`;
}

function wordsOf({ state, architecture }: Looked['device'], cause: Cause | undefined): [string, string] {
  const code = cause?.code ?? '';
  if (code === 'deviceNotReady') return [`is ${state}`, `are ${state}`];
  if (code === 'architectureDiffers' && architecture !== undefined) {
    const name = dockerArchitecture(architecture);
    return [`is ${name}`, `are ${name}`];
  }
  return WORDS[code] ?? ['does not suit', 'do not suit'];
}
