import { fileURLToPath } from 'node:url';
import { buildProgramImage } from './buildProgramImage.ts';

/** Builds the image of `reach`, which is reached and reaches out, and resolves with the path of its tar. @throws DrayageError */
export function buildReachImage(): Promise<string> {
  return buildProgramImage('reach', [fileURLToPath(new URL('reach.c', import.meta.url))]);
}
