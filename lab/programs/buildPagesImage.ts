import { fileURLToPath } from 'node:url';
import { buildProgramImage } from './buildProgramImage.ts';

/** Builds the image of `pages`, memory that checks itself, and resolves with the path of its tar. @throws DrayageError */
export function buildPagesImage(): Promise<string> {
  return buildProgramImage('pages', [fileURLToPath(new URL('pages.c', import.meta.url))]);
}
