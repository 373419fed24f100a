import { describe, expect, it } from 'vitest';
import { parseFlags } from './parseFlags.ts';

describe('flags', () => {
  it('have defaults', () => {
    expect(parseFlags([])).toEqual({ once: false, json: false, help: false, moves: 10, devices: 2 });
  });

  it('are taken', () => {
    const flags = parseFlags(['--once', '--json', '--moves', '12', '--devices=3']);
    expect(flags).toEqual({ once: true, json: true, help: false, moves: 12, devices: 3 });
  });

  it.each([
    { args: ['--moves', '0'], words: /--moves must be a whole number from 1/ },
    { args: ['--moves', 'ten'], words: /not "ten"/ },
    { args: ['--moves', '1.5'], words: /not "1\.5"/ },
    { args: ['--moves'], words: /--moves/ },
    { args: ['--devices', '1'], words: /from 2 to/ },
    { args: ['--twice'], words: /--twice/ },
    { args: ['once'], words: /once/ },
  ])('are refused: $args', ({ args, words }) => {
    expect(() => parseFlags(args)).toThrow(words);
    expect(() => parseFlags(args)).toThrow(/--help/);
  });
});
