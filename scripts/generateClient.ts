import { writeFile } from 'node:fs/promises';
import { clientFiles } from './clientFiles.ts';

/** Makes the typed client anew from the API's document, as it is after a change of its routes. */
for (const { path, text } of await clientFiles()) await writeFile(path, text);
