import { fileURLToPath } from 'node:url';
import { buildProgramImage, type ForeignTarget } from '../programs/buildProgramImage.ts';

/**
 * Builds the image of the sample application (sample.c) and resolves with the path of its tar. @throws DrayageError
 * @param target what it is to run on, if it is not a machine like this one
 */
export function buildSampleImage(target?: ForeignTarget): Promise<string> {
  return buildProgramImage('sample', [fileURLToPath(new URL('sample.c', import.meta.url))], target);
}
