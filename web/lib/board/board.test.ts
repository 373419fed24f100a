import { describe, expect, it } from 'vitest';
import { filterWords } from '../filter/words.ts';
import type { Compute, Device, Migration } from '../state/collections.ts';
import { chipActions } from './chipActions.ts';
import { dropVerdict } from './dropVerdict.ts';
import { evacuated } from './evacuated.ts';
import { groupByLocation } from './groupByLocation.ts';
import { groupStably } from './groupStably.ts';
import { filterBoard } from './matches.ts';
import { moveShare } from './moveProgress.ts';
import { arrivalsByDevice, movesByCompute } from './movesByCompute.ts';
import { summarise } from './summarise.ts';
import { usageOf } from './usage.ts';

const GIB = 2 ** 30;
const inventory = { architecture: 'x64', cpus: 4, memoryBytes: 8 * GIB, diskBytes: 0 };
const device = (name: string, over: object = {}) =>
  ({
    ...{ id: name, name, location: null, labels: {}, state: 'ready', inventory, load: null },
    ...over,
  }) as Device;
const compute = (name: string, on: string, over: object = {}) =>
  ({
    ...{ id: name, name, device: { id: on, name: on }, state: 'running', labels: {}, health: null },
    ...{ tenant: { id: 't', name: 'acme' }, image: { id: 'i', name: 'nginx' } },
    ...over,
  }) as Compute;
const names = (items: readonly { name: string }[]) => items.map(({ name }) => name);

describe('groupByLocation', () => {
  it('orders places as people count, those without one last', () => {
    const places = groupByLocation([
      device('a', { location: 'hall 10' }),
      device('b'),
      device('c', { location: 'hall 2' }),
      device('d', { location: 'hall 10' }),
    ]);
    expect(places.map(({ location, devices }) => [location, names(devices)])).toEqual([
      ['hall 2', ['c']],
      ['hall 10', ['a', 'd']],
      [null, ['b']],
    ]);
  });
});

describe('groupStably', () => {
  const group = groupStably<Compute>(({ device: { id } }) => id);
  it('gives the same array for a group in which nothing has changed', () => {
    const [one, two, other] = [compute('1', 'a'), compute('2', 'a'), compute('3', 'b')];
    const first = group([one, two, other]);
    const second = group([one, two, { ...other }]);
    expect(second.get('a')).toBe(first.get('a'));
    expect(second.get('b')).not.toBe(first.get('b'));
    expect(group([two, other]).get('a')).toEqual([two]);
  });
});

describe('filterBoard', () => {
  const all = {
    devices: [
      device('north', { labels: { floor: '1' } }),
      device('south', { state: 'unreachable', inventory: { ...inventory, architecture: 'arm64' } }),
    ],
    computes: [
      compute('web', 'north'),
      compute('db', 'south', { state: 'failed', labels: { tier: 'data' } }),
    ],
  };
  it.each([
    ['', ['north', 'south'], ['web', 'db']],
    // A device that matches has all of its computes.
    ['north', ['north'], ['web']],
    ['FLOOR=1', ['north'], ['web']],
    ['arm64', ['south'], ['db']],
    ['unreachable', ['south'], ['db']],
    // A compute that matches has its device.
    ['tier=data', ['south'], ['db']],
    ['failed', ['south'], ['db']],
    ['acme web', ['north'], ['web']],
    ['nginx running', ['north'], ['web']],
    ['north data', [], []],
  ])('“%s” leaves devices %o and computes %o', (text, devices, computes) => {
    const left = filterBoard(all, filterWords(text));
    expect([names(left.devices), names(left.computes)]).toEqual([devices, computes]);
  });
});

describe('moveShare', () => {
  const move = (state: string, over: object = {}) =>
    ({ ...{ state, rounds: [], progress: null, predicted: null }, ...over }) as unknown as Migration;
  const predicted = { wireBytes: 100, freezeMs: 1, totalMs: 1 };
  const sent = (round: number, wireBytes: number) => ({ round, wireBytes });
  it.each([
    ['has not begun', move('pending'), 0],
    ['gets ready', move('preparing'), 0.08],
    ['has copied nothing', move('precopying', { predicted }), 0.15],
    ['has copied half', move('precopying', { predicted, progress: sent(1, 50) }), 0.5],
    [
      'is in its second round',
      move('precopying', { predicted, rounds: [sent(1, 40)], progress: sent(2, 10) }),
      0.5,
    ],
    [
      'tells of a round that is over',
      move('precopying', { predicted, rounds: [sent(1, 50)], progress: sent(1, 50) }),
      0.5,
    ],
    ['takes more than was predicted', move('precopying', { predicted, progress: sent(3, 500) }), 0.85],
    ['has no prediction', move('precopying', { progress: sent(1, 50) }), 0.5],
    ['switches', move('switching'), 0.9],
    ['has ended', move('succeeded'), 1],
  ])('of one that %s', (_words, migration, share) => {
    expect(moveShare(migration)).toBeCloseTo(share);
  });
});

describe('movesByCompute', () => {
  const move = (id: string, of: string, state: string) =>
    ({ id, state, compute: { id: of, name: of }, target: { id: 'south', name: 'south' } }) as Migration;
  const computes = [
    compute('web', 'north', { group: 'shop' }),
    compute('db', 'north', { group: 'shop' }),
    compute('alone', 'north', { group: 'alone' }),
  ];
  const moving = (migrations: Migration[]) =>
    [...movesByCompute(migrations, computes)].map(([id, one]) => [id, one.id]);

  it('has all computes of a group that moves, whichever of them the record names', () => {
    const both = [
      ['db', 'm1'],
      ['web', 'm1'],
    ];
    expect(moving([move('m1', 'web', 'precopying')]).toSorted()).toEqual(both);
    expect(moving([move('m1', 'db', 'precopying')]).toSorted()).toEqual(both);
  });
  it('has nothing of moves that have ended, and those of computes that are not listed', () => {
    expect(moving([move('m1', 'web', 'succeeded'), move('m2', 'other', 'pending')])).toEqual([
      ['other', 'm2'],
    ]);
  });
  it('tells each device who is on the way to it', () => {
    const moves = movesByCompute([move('m1', 'web', 'pending'), move('m2', 'other', 'pending')], computes);
    const arrivals = arrivalsByDevice(moves, computes).get('south') ?? [];
    expect(arrivals.map(({ compute: { name }, move: { id } }) => [name, id])).toEqual([
      ['web', 'm1'],
      ['other', 'm2'],
      ['db', 'm1'],
    ]);
  });
});

describe('dropVerdict', () => {
  const cause = { code: 'x', message: 'No room.', mend: 'Free some.' };
  const predicted = { freezeMs: 97, wireBytes: 1, totalMs: 1 };
  const target = (id: string, causes: (typeof cause)[]) =>
    [
      id,
      {
        ...{ device: { id, name: id }, ok: causes.length === 0, causes, predictedFrom: null },
        predicted: causes.length === 0 ? predicted : null,
      },
    ] as const;
  const targets = new Map([target('yes', []), target('no', [cause, { ...cause, code: 'y' }])]);
  it.each([
    ['here', targets, 'here', 'It is here'],
    ['yes', null, 'asking', 'Asking whether it fits'],
    ['yes', targets, 'yes', 'Freeze about 97.0 ms'],
    ['no', targets, 'no', 'No room.'],
    ['pending', targets, 'no', 'It takes no computes.'],
  ])('of %s', (id, known, verdict, words) => {
    expect(dropVerdict(id, 'here', known)).toMatchObject({ verdict, words });
  });
  it('has every cause and mend beside the first', () => {
    expect(dropVerdict('no', 'here', targets).all).toBe('No room. Free some.\nNo room. Free some.');
  });
  it('is no, wherever it goes, while the device that it is on is being evacuated', () => {
    const held = evacuated({ name: 'north', state: 'draining' });
    const words = 'north is being evacuated: its evacuation moves what runs on it.';
    expect(dropVerdict('yes', 'here', null, held)).toMatchObject({ verdict: 'no', words });
    expect(dropVerdict('here', 'here', null, held)).toMatchObject({ verdict: 'here' });
    expect(evacuated({ name: 'north', state: 'drained' })).toBeNull();
  });
});

describe('chipActions', () => {
  const nothing = () => undefined;
  const doings = { move: nothing, start: nothing, stop: nothing, remove: nothing };
  it.each([
    ['running', undefined, true, ['Open', 'Move to…', 'Stop', 'Delete']],
    ['stopped', undefined, true, ['Open', 'Move to…', 'Start', 'Delete']],
    ['migrating', { id: 'm' }, true, ['Open', 'Show the move']],
    ['migrating', undefined, true, ['Open']],
    ['running', undefined, false, ['Open']],
  ] as const)('of a %s one, move %o, may act %o', (state, move, mayAct, labels) => {
    const items: readonly ('separator' | { label: string })[] = chipActions(
      { id: 'c', state },
      move,
      mayAct,
      doings,
    );
    expect(items.filter((item) => item !== 'separator').map(({ label }) => label)).toEqual(labels);
  });
});

describe('summarise', () => {
  it('counts, and says one of one', () => {
    const items = summarise(
      [device('a'), device('b', { state: 'pending' }), device('c', { state: 'discovered' })],
      [compute('1', 'a'), compute('2', 'a', { state: 'migrating' }), compute('3', 'a', { state: 'lost' })],
      [{ state: 'switching' }, { state: 'succeeded' }] as Migration[],
    );
    expect(items.map(({ count, label, tone }) => `${String(count)} ${label} ${tone}`)).toEqual([
      '1 device ready ok',
      '0 unreachable idle',
      '2 to approve warn',
      '2 computes running ok',
      '0 stopped idle',
      '1 failed bad',
      '1 move under way busy',
    ]);
  });
});

describe('usageOf', () => {
  it('has units and shares, and says what is not known', () => {
    const load = {
      cpus: 1,
      memoryBytes: 2 * GIB,
      diskBytes: GIB,
      receivedBytesPerSecond: 0,
      sentBytesPerSecond: 0,
    };
    expect(usageOf(device('a', { load })).map(({ text, share }) => [text, share])).toEqual([
      ['1 of 4', '25 %'],
      ['2 GiB of 8 GiB', '25 %'],
      ['1 GiB of 0 B', '0 %'],
    ]);
    expect(usageOf(device('a'))[0]).toMatchObject({ used: null, text: 'not known, of 4', share: '–' });
  });
});
