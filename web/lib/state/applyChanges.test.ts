import { describe, expect, it } from 'vitest';
import { applyChanges } from './applyChanges.ts';

interface Item {
  id: string;
  name: string;
}
const item = (id: string, name = id): Item => ({ id, name });
const byName = (one: Item, other: Item) => one.name.localeCompare(other.name);
const list = [item('a'), item('c'), item('e')];

describe('changes of a sorted list', () => {
  it.each([
    ['nothing', [], 'a c e'],
    ['one that is new in the middle', [['b', item('b')]], 'a b c e'],
    ['one that is new at the end', [['f', item('f')]], 'a c e f'],
    ['one that is gone', [['c', null]], 'a e'],
    ['one that was never there', [['x', null]], 'a c e'],
    ['one that has another place now', [['a', item('a', 'd')]], 'c d e'],
    [
      'several, in no order',
      [
        ['z', item('z')],
        ['b', item('b')],
        ['e', null],
      ],
      'a b c z',
    ],
  ] as [string, [string, Item | null][], string][])('%s', (_name, changes, names) => {
    const changed = applyChanges(list, new Map(changes), byName);
    expect(changed.map(({ name }) => name).join(' ')).toBe(names);
  });

  it('leave a list that has none as it is', () => {
    expect(applyChanges(list, new Map(), byName)).toBe(list);
    expect(applyChanges(list, new Map([['x', null]]), byName)).toBe(list);
  });
});
