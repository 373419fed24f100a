import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { switchTrouble } from './linkTrouble.ts';

test('a stream that was cut is a lost link, any other error what it says', async () => {
  const stream = new PassThrough();
  const ended = finished(stream).catch((error: unknown) => error);
  stream.destroy();
  expect(switchTrouble(await ended).code).toBe('linkLost');
  expect(switchTrouble(new Error('disk full'))).toMatchObject({ code: 'unexpected', message: 'disk full' });
});
