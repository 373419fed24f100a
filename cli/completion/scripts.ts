import { readFileSync } from 'node:fs';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script for a shell; it asks `drayage __complete -- WORDS`, of which the last is what is being typed. */
export function scriptFor(shell: Shell): string {
  return readFileSync(new URL(`drayage.${shell}`, import.meta.url), 'utf8');
}
