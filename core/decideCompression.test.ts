import { expect, test } from 'vitest';
import { decideCompression, type CompressionFacts } from './decideCompression.ts';

const MB = 1_000_000;
const HALF: CompressionFacts = {
  ratio: 0.5,
  compressBytesPerSecond: 400 * MB,
  linkBytesPerSecond: 125 * MB,
  hurry: false,
};

test.each<[string, Partial<CompressionFacts>, string, number]>([
  ['what shrinks to half is compressed', {}, 'compress', 1],
  ['what does not shrink is sent plain', { ratio: 1 }, 'plain', 1],
  ['what shrinks by less than a tenth is sent plain', { ratio: 0.95 }, 'plain', 1],
  ['a slow link gets it denser', { linkBytesPerSecond: 10 * MB }, 'compress', 3],
  ['a link of unknown speed is spared bytes all the same', { linkBytesPerSecond: null }, 'compress', 1],
  ['in the freeze a fast link gets it plain', { hurry: true, linkBytesPerSecond: 1000 * MB }, 'plain', 1],
  [
    'in the freeze a link of unknown speed gets it plain',
    { hurry: true, linkBytesPerSecond: null },
    'plain',
    1,
  ],
  ['in the freeze a gigabit link gains by it', { hurry: true }, 'compress', 1],
  ['in the freeze a slow processor does not', { hurry: true, compressBytesPerSecond: 50 * MB }, 'plain', 1],
])('%s', (_sentence, more, action, level) => {
  const decision = decideCompression({ ...HALF, ...more });
  expect(decision).toMatchObject({ action, level });
  expect(decision.reason).toContain('%');
});
