import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { schemaDocument } from './schemaDocument.ts';

test('docs/schema.md is what db/schema says; else write it anew: npm run docs:schema', async () => {
  const written = await readFile(new URL('../docs/schema.md', import.meta.url), 'utf8');
  expect(written).toBe(schemaDocument());
});

test('a table has its columns with their keys, and its references', () => {
  const lines = schemaDocument()
    .split('\n')
    .map((line) => line.trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      'device {',
      'text id PK',
      'text device_id FK',
      'text email_hash PK',
      'account ||--o{ join_token : created_by',
      'device |o--o{ join_token : device_id',
    ]),
  );
});
