import { describe, expect, it } from 'vitest';
import { LEAST_GAIN, type LoadedDevice, planRebalance, type RebalanceUnit } from './planRebalance.ts';

const MIB = 2 ** 20;
/** 1,000 MiB of memory, of which so much is in use. */
const device = (id: string, usedMib: number, over: Partial<LoadedDevice> = {}): LoadedDevice => ({
  ...{ id, name: id, state: 'ready', memoryBytes: 1000 * MIB, diskAvailableBytes: 10_000 * MIB },
  memoryAvailableBytes: (1000 - usedMib) * MIB,
  ...over,
});
const unit = (id: string, source: string, mib: number, over: Partial<RebalanceUnit> = {}): RebalanceUnit => ({
  ...{ id, name: id, source, usedBytes: mib * MIB, against: [] },
  demand: { memoryBytes: mib * MIB, diskBytes: 0 },
  ...over,
});
const free = { most: 10, between: () => [] };
const forbidden = [{ code: 'criuOlder', message: 'Older.', mend: 'Bring it up.' }];

describe('planRebalance', () => {
  const cases: [string, LoadedDevice[], RebalanceUnit[], Partial<typeof free>, [string, string][]][] = [
    ['moves nothing between equals', [device('a', 500), device('b', 500)], [unit('1', 'a', 200)], {}, []],
    [
      'moves from the full to the empty',
      [device('a', 800), device('b', 200)],
      [unit('1', 'a', 300)],
      {},
      [['1', 'b']],
    ],
    [
      'takes what brings them closest',
      [device('a', 800), device('b', 200)],
      [unit('1', 'a', 100), unit('2', 'a', 300), unit('3', 'a', 600)],
      {},
      [['2', 'b']],
    ],
    [
      'goes on while it pays',
      [device('a', 800), device('b', 200)],
      [unit('1', 'a', 150), unit('2', 'a', 150)],
      {},
      [
        ['1', 'b'],
        ['2', 'b'],
      ],
    ],
    [
      'moves no more than it may',
      [device('a', 800), device('b', 200)],
      [unit('1', 'a', 150), unit('2', 'a', 150)],
      { most: 1 },
      [['1', 'b']],
    ],
    ['moves nothing for little', [device('a', 520), device('b', 500)], [unit('1', 'a', 10)], {}, []],
    [
      'does not make the other the full one',
      [device('a', 600), device('b', 400)],
      [unit('1', 'a', 600)],
      {},
      [],
    ],
    [
      'gives nothing to a cordoned device',
      [device('a', 800), device('b', 100, { state: 'cordoned' })],
      [unit('1', 'a', 300)],
      {},
      [],
    ],
    [
      'gives nothing to a device that cannot restore it',
      [device('a', 800), device('b', 100)],
      [unit('1', 'a', 300)],
      { between: () => forbidden as never },
      [],
    ],
    [
      'moves nothing that does not run',
      [device('a', 800), device('b', 100)],
      [unit('1', 'a', 300, { against: forbidden })],
      {},
      [],
    ],
    [
      'keeps constraints',
      [device('a', 800), device('b', 100), device('c', 300, { location: 'roof' })],
      [
        unit('1', 'a', 200, {
          demand: { memoryBytes: MIB, diskBytes: 0, constraints: { location: 'roof' } },
        }),
      ],
      {},
      [['1', 'c']],
    ],
  ];
  it.each(cases)('%s', (_what, devices, units, over, moves) => {
    const plan = planRebalance(devices, units, { ...free, ...over });
    expect(plan.moves.map(({ unit: { id }, target }) => [id, target])).toEqual(moves);
    for (const { gain } of plan.moves) expect(gain).toBeGreaterThanOrEqual(LEAST_GAIN);
    expect(plan.after.fullest - plan.after.emptiest).toBeLessThanOrEqual(
      plan.before.fullest - plan.before.emptiest,
    );
  });

  it('tells the gain in figures', () => {
    const plan = planRebalance([device('a', 800), device('b', 200)], [unit('web', 'a', 300)], free);
    expect(plan.reason).toBe('Devices are 20 % to 80 % full, and 50 % to 50 % after 1 move.');
    expect(plan.moves[0]?.reason).toBe('web: a is 80 % full and b 20 %; afterwards 50 % and 50 %.');
  });
});
