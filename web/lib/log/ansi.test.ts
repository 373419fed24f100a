import { describe, expect, it } from 'vitest';
import { parseAnsi, plainText } from './ansi.ts';

const ESC = '\x1b';
const shown = (line: string) => parseAnsi(line).map(({ text, looks }) => [text, looks.join(' ')]);

describe('a line', () => {
  it.each([
    ['without escapes is one part', 'hello', [['hello', '']]],
    ['that is empty has none', '', []],
    [
      'has its colours',
      `a${ESC}[31mb${ESC}[0mc`,
      [
        ['a', ''],
        ['b', 'fg1'],
        ['c', ''],
      ],
    ],
    ['has bright colours', `${ESC}[92mok`, [['ok', 'fg10']]],
    ['has several looks at once', `${ESC}[1;4;33mx`, [['x', 'bold underline fg3']]],
    [
      'loses one look and keeps the other',
      `${ESC}[1;31ma${ESC}[22mb`,
      [
        ['a', 'bold fg1'],
        ['b', 'fg1'],
      ],
    ],
    ['takes the first of 256 colours', `${ESC}[38;5;2ma`, [['a', 'fg2']]],
    ['skips colours of 24 bits as a whole', `${ESC}[38;2;1;4;31ma`, [['a', '']]],
    ['skips backgrounds', `${ESC}[48;5;1ma`, [['a', '']]],
    [
      'skips what moves the cursor or clears',
      `a${ESC}[2J${ESC}[10;5Hb`,
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    [
      'skips titles and links',
      `${ESC}]0;title\x07a${ESC}]8;;http://x${ESC}\\b`,
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    ['skips an escape that is cut off', `a${ESC}`, [['a', '']]],
    ['skips a title that never ends', `a${ESC}]0;tit`, [['a', '']]],
    ['has no control characters', 'a\x07\x08b\x9bc', [['abc', '']]],
    ['keeps tabs', 'a\tb', [['a\tb', '']]],
    ['keeps markup as text', '<img src=x>', [['<img src=x>', '']]],
  ])('%s', (_name, line, expected) => {
    expect(shown(line)).toEqual(expected);
  });

  it('is searched without its escapes', () => {
    expect(plainText(`${ESC}[31mer${ESC}[0mror`)).toBe('error');
  });
});
