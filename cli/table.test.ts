import { describe, expect, it } from 'vitest';
import { ago } from './output.ts';
import { PLAIN, type Screen, table } from './table.ts';

const plain = (columns?: number): Screen => ({ ...PLAIN, columns });
const HEADER = ['NAME', 'ID', 'URL'];
const ROWS = [
  ['a', 'whk_4t1k9c2m7q0x', 'https://example.org/a/very/long/path'],
  ['a-much-longer-name', 'whk_1', 'https://example.org/'],
];

describe('table', () => {
  it('is as wide as it needs to be where there is no terminal', () => {
    expect(table(HEADER, ROWS, plain())).toBe(
      [
        'NAME                ID                URL',
        'a                   whk_4t1k9c2m7q0x  https://example.org/a/very/long/path',
        'a-much-longer-name  whk_1             https://example.org/',
      ].join('\n'),
    );
  });

  it('fits a terminal: names give room, the widest first', () => {
    expect(table(HEADER, ROWS, plain(50)).split('\n')).toEqual([
      'NAME             ID                URL',
      'a                whk_4t1k9c2m7q0x  https://exampl…',
      'a-much-longer-…  whk_1             https://exampl…',
    ]);
    for (const line of table(HEADER, ROWS, plain(60)).split('\n'))
      expect(line.length).toBeLessThanOrEqual(60);
  });

  it('leaves something to read where nothing fits', () => {
    expect(table(HEADER, ROWS, plain(10)).split('\n')[2]).toBe('a-muc…  whk_1             https…');
  });

  it('leaves whole what is of use only as a whole', () => {
    const lines = table(
      ['STATE', 'NAME', 'MEMORY FREE', 'IP'],
      [['discovered', 'edge-gateway', '1 GiB', '10.77.128.2']],
      plain(45),
    );
    expect(lines.split('\n')).toEqual([
      'STATE       NAME     MEMORY FREE  IP',
      'discovered  edge-g…  1 GiB        10.77.128.2',
    ]);
  });

  it('shows what something is called as letters alone', () => {
    const name = '\u001b[31mred\u001b[0m\nline\u0007';
    expect(table(['NAME', 'ID'], [[name, 'x']], plain())).toBe('NAME       ID\nred line   x');
  });

  it('has headings to look at on a terminal', () => {
    const screen = { columns: 80, heading: (line: string) => `<${line}>` };
    expect(table(['NAME', 'ID'], [['a', 'b']], screen)).toBe('<NAME  ID>\na     b');
  });
});

describe('ago', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');
  it.each([
    ['2026-01-10T00:00:03Z', '0 s ago'],
    ['2026-01-09T23:59:00Z', '60 s ago'],
    ['2026-01-09T23:57:00Z', '3 min ago'],
    ['2026-01-09T20:00:00Z', '4 h ago'],
    ['2026-01-01T00:00:00Z', '9 days ago'],
    ['2026-01-10T01:00:00Z', 'in 60 min'],
    ['2026-04-10T00:00:00Z', 'in 90 days'],
  ])('of %s is %s', (instant, words) => {
    expect(ago(instant, now)).toBe(words);
  });
});
