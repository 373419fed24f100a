import { fileURLToPath } from 'node:url';
import { buildProgramImage } from '../programs/buildProgramImage.ts';

/** Builds the image of the sample application (sample.c) and resolves with the path of its tar. @throws DrayageError */
export function buildSampleImage(): Promise<string> {
  return buildProgramImage('sample', [fileURLToPath(new URL('sample.c', import.meta.url))]);
}
