import { writeFile } from 'node:fs/promises';
import { schemaDocument } from './schemaDocument.ts';

/** `npm run docs:schema` */
await writeFile(new URL('../docs/schema.md', import.meta.url), schemaDocument());
