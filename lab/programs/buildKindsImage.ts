import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgramImage } from './buildProgramImage.ts';

const FOLDER = fileURLToPath(new URL('kinds', import.meta.url));

/** Builds the image of `kinds`, the programs that check themselves, and resolves with the path of its tar. @throws DrayageError */
export async function buildKindsImage(): Promise<string> {
  const names = (await readdir(FOLDER)).sort();
  return buildProgramImage(
    'kinds',
    names.map((name) => join(FOLDER, name)),
  );
}
