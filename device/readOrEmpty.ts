import { readFileSync } from 'node:fs';

/** The text of a file, read at once; of one that has gone meanwhile, none. */
export function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
