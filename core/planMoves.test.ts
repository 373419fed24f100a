import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Cause } from './cause.ts';
import {
  type Candidate,
  deviceCauses,
  RESERVED_DISK_BYTES,
  RESERVED_MEMORY_BYTES,
} from './choosePlacement.ts';
import { type MoveUnit, type MoveWorld, type PlannedMove, planMoves } from './planMoves.ts';

const MIB = 2 ** 20;
/** With so much to give. */
const device = (id: string, mib: number, over: Partial<Candidate> = {}): Candidate => ({
  ...{ id, name: id, state: 'ready' },
  memoryAvailableBytes: mib * MIB + RESERVED_MEMORY_BYTES,
  diskAvailableBytes: 1000 * MIB + RESERVED_DISK_BYTES,
  ...over,
});
const unit = (id: string, mib: number, over: Partial<MoveUnit> = {}): MoveUnit => ({
  ...{ id, name: id, source: 'home', against: [], target: null },
  ...over,
  demand: { memoryBytes: mib * MIB, diskBytes: 0, ...over.demand },
});
const world = (devices: Candidate[], over: Partial<MoveWorld> = {}): MoveWorld => ({
  devices,
  between: () => [],
  predict: ({ demand }) => ({
    freezeMs: 100,
    wireBytes: demand.memoryBytes,
    totalMs: demand.memoryBytes / MIB,
    reason: '',
  }),
  ...over,
});
const targets = (planned: PlannedMove[]) =>
  Object.fromEntries(planned.map(({ unit: { id }, target }) => [id, target]));
const older: Cause = { code: 'criuOlder', message: 'It has CRIU 4.1.', mend: 'Bring it up.' };
const stopped: Cause = { code: 'notRunning', message: 'It is stopped.', mend: 'Start it.' };

describe('planMoves', () => {
  const cases: [string, MoveUnit[], Candidate[], Record<string, string | null>, Partial<MoveWorld>?][] = [
    ['one goes to the only device', [unit('a', 10)], [device('x', 100)], { a: 'x' }],
    ['one goes where the most is free', [unit('a', 10)], [device('x', 100), device('y', 200)], { a: 'y' }],
    ['never to its own device', [unit('a', 10)], [device('home', 900), device('x', 100)], { a: 'x' }],
    ['nowhere when there is no other device', [unit('a', 10)], [device('home', 900)], { a: null }],
    ['nowhere when there is too little memory', [unit('a', 101)], [device('x', 100)], { a: null }],
    ['room is used to the last byte', [unit('a', 100)], [device('x', 100)], { a: 'x' }],
    [
      'room that one has taken is not given to another',
      [unit('a', 60), unit('b', 60)],
      [device('x', 100)],
      { a: 'x', b: null },
    ],
    [
      'two go apart when one device lacks room for both',
      [unit('a', 60), unit('b', 60)],
      [device('x', 100), device('y', 70)],
      { a: 'x', b: 'y' },
    ],
    [
      'the bigger one is placed first',
      [unit('small', 50), unit('big', 90)],
      [device('x', 100)],
      { big: 'x', small: null },
    ],
    [
      'disk counts too',
      [unit('a', 10, { demand: { memoryBytes: 10 * MIB, diskBytes: 2000 * MIB } })],
      [device('x', 100)],
      { a: null },
    ],
    [
      'a cordoned device gets nothing',
      [unit('a', 10)],
      [device('x', 100, { state: 'cordoned' })],
      { a: null },
    ],
    [
      'a draining device gets nothing',
      [unit('a', 10)],
      [device('x', 100, { state: 'draining' })],
      { a: null },
    ],
    [
      'a silent device gets nothing',
      [unit('a', 10)],
      [device('x', 900, { state: 'unreachable' }), device('y', 100)],
      { a: 'y' },
    ],
    [
      'a device that has not been approved gets nothing',
      [unit('a', 10)],
      [device('x', 100, { state: 'pending' })],
      { a: null },
    ],
    [
      'a device of a class that cannot restore it gets nothing',
      [unit('a', 10)],
      [device('x', 900), device('y', 100)],
      { a: 'y' },
      { between: (_from, to) => (to === 'x' ? [older] : []) },
    ],
    [
      'a constraint on the location is kept',
      [unit('a', 10, { demand: { memoryBytes: 1, diskBytes: 0, constraints: { location: 'roof' } } })],
      [device('x', 900, { location: 'cellar' }), device('y', 100, { location: 'roof' })],
      { a: 'y' },
    ],
    [
      'a constraint on a label is kept',
      [unit('a', 10, { demand: { memoryBytes: 1, diskBytes: 0, constraints: { disk: 'ssd' } } })],
      [device('x', 900), device('y', 100, { labels: { disk: 'ssd' } })],
      { a: 'y' },
    ],
    [
      'a constraint that no device meets leaves it',
      [unit('a', 10, { demand: { memoryBytes: 1, diskBytes: 0, constraints: { disk: 'ssd' } } })],
      [device('x', 900)],
      { a: null },
    ],
    [
      'a constraint on the architecture takes both of its names',
      [unit('a', 10, { demand: { memoryBytes: 1, diskBytes: 0, constraints: { architecture: 'amd64' } } })],
      [device('x', 900, { architecture: 'arm64' }), device('y', 100, { architecture: 'x64' })],
      { a: 'y' },
    ],
    [
      'those that are kept apart go to two devices',
      [
        unit('a', 10, { demand: { memoryBytes: 2 * MIB, diskBytes: 0, apart: ['t/db'] } }),
        unit('b', 10, { demand: { memoryBytes: MIB, diskBytes: 0, apart: ['t/db'] } }),
      ],
      [device('x', 900), device('y', 100)],
      { a: 'x', b: 'y' },
    ],
    [
      'one that is kept apart from what is there goes elsewhere',
      [unit('a', 10, { demand: { memoryBytes: MIB, diskBytes: 0, apart: ['t/db'] } })],
      [device('x', 900, { apart: ['t/db'] }), device('y', 100)],
      { a: 'y' },
    ],
    [
      "another tenant's word keeps nothing apart",
      [unit('a', 10, { demand: { memoryBytes: MIB, diskBytes: 0, apart: ['t/db'] } })],
      [device('x', 900, { apart: ['u/db'] })],
      { a: 'x' },
    ],
    [
      'a target that was planned is kept although another is better now',
      [unit('a', 10, { target: 'x' })],
      [device('x', 100), device('y', 900)],
      { a: 'x' },
    ],
    [
      'a planned target that is cordoned now is given up',
      [unit('a', 10, { target: 'x' })],
      [device('x', 900, { state: 'cordoned' }), device('y', 100)],
      { a: 'y' },
    ],
    [
      'a planned target that has no room any more is given up',
      [unit('a', 10, { target: 'x' })],
      [device('x', 5), device('y', 100)],
      { a: 'y' },
    ],
    [
      'a planned target that is gone is given up',
      [unit('a', 10, { target: 'gone' })],
      [device('y', 100)],
      { a: 'y' },
    ],
    [
      'where its move has failed it is not tried again',
      [unit('a', 10, { avoid: ['x'] })],
      [device('x', 900), device('y', 100)],
      { a: 'y' },
    ],
    [
      'where its move has failed it is not tried although nothing else is left',
      [unit('a', 10, { avoid: ['x'] })],
      [device('x', 900)],
      { a: null },
    ],
    [
      'one that comes home goes home only',
      [unit('a', 10, { only: 'y' })],
      [device('x', 900), device('y', 100)],
      { a: 'y' },
    ],
    [
      'one that comes home waits while there is no room',
      [unit('a', 10, { only: 'y' })],
      [device('x', 900), device('y', 5)],
      { a: null },
    ],
    [
      'one that does not run is not moved',
      [unit('a', 10, { against: [stopped] })],
      [device('x', 900)],
      { a: null },
    ],
    [
      'one that does not run takes no room from others',
      [unit('a', 90, { against: [stopped] }), unit('b', 90)],
      [device('x', 100)],
      { a: null, b: 'x' },
    ],
    [
      'a big one pushes a planned small one to where that fits too',
      [unit('big', 90), unit('small', 20, { target: 'x' })],
      [device('x', 100), device('y', 20)],
      { big: 'x', small: 'y' },
    ],
    [
      'one pushes another, which pushes a third',
      [unit('a', 90), unit('b', 50, { target: 'x' }), unit('c', 30, { target: 'y' })],
      [device('x', 100), device('y', 60), device('z', 30)],
      { a: 'x', b: 'y', c: 'z' },
    ],
    [
      'one pushes two others at once',
      [unit('big', 90), unit('a', 40, { target: 'x' }), unit('b', 45, { target: 'x' })],
      [device('x', 100), device('y', 50), device('z', 45)],
      { big: 'x', a: 'z', b: 'y' },
    ],
    [
      'nothing is pushed where that would not help',
      [unit('big', 200), unit('small', 20, { target: 'x' })],
      [device('x', 100), device('y', 20)],
      { big: null, small: 'x' },
    ],
    [
      'one that is kept apart pushes the other where only one device suits it',
      [
        unit('a', 10, {
          demand: { memoryBytes: MIB, diskBytes: 0, apart: ['t/db'], constraints: { location: 'roof' } },
        }),
        unit('b', 10, { target: 'x', demand: { memoryBytes: MIB, diskBytes: 0, apart: ['t/db'] } }),
      ],
      [device('x', 100, { location: 'roof' }), device('y', 50)],
      { a: 'x', b: 'y' },
    ],
    [
      'two devices are emptied although their computes fit only one way round',
      [unit('a', 90, { source: 'p' }), unit('b', 40, { source: 'q' })],
      [
        device('x', 100),
        device('y', 50),
        device('p', 0, { state: 'draining' }),
        device('q', 0, { state: 'draining' }),
      ],
      { a: 'x', b: 'y' },
    ],
    [
      'two devices that are emptied do not fill each other',
      [unit('a', 10, { source: 'p' }), unit('b', 10, { source: 'q' })],
      [device('p', 900, { state: 'draining' }), device('q', 900, { state: 'draining' })],
      { a: null, b: null },
    ],
    [
      'binpack fills the fuller one',
      [unit('a', 10)],
      [device('x', 100), device('y', 200)],
      { a: 'x' },
      { strategy: 'binpack' },
    ],
    [
      'an image that is there decides between equals',
      [unit('a', 10, { demand: { memoryBytes: MIB, diskBytes: 0, images: ['sha'] } })],
      [device('x', 100, { images: new Set<string>() }), device('y', 100, { images: new Set(['sha']) })],
      { a: 'y' },
    ],
    [
      'a faster link decides between equals',
      [unit('a', 10)],
      [device('x', 100, { linkBytesPerSecond: 1e6 }), device('y', 100, { linkBytesPerSecond: 1e8 })],
      { a: 'y' },
    ],
    [
      'an idle device is taken before a busy one',
      [unit('a', 10)],
      [device('x', 100, { cpuLoad: 0.9 }), device('y', 100, { cpuLoad: 0.1 })],
      { a: 'y' },
    ],
    ['equal ones are taken by name', [unit('a', 10)], [device('y', 100), device('x', 100)], { a: 'x' }],
  ];
  it.each(cases)('%s', (_what, units, devices, expected, over) => {
    expect(targets(planMoves(units, world(devices, over)))).toEqual(expected);
  });

  it('moves the biggest first', () => {
    const planned = planMoves([unit('a', 1), unit('c', 3), unit('b', 2)], world([device('x', 100)]));
    expect(planned.map(({ unit: { id } }) => id)).toEqual(['c', 'b', 'a']);
  });

  const helps: [string, MoveUnit, Candidate[], string, string][] = [
    [
      'says how much has to be freed, and on which device',
      unit('a', 100),
      [device('x', 20), device('y', 60)],
      '2 of 2 devices cannot: 2 lack memory.',
      'Free 40 MiB of memory on y, or join a device with 100 MiB of memory to give.',
    ],
    [
      'says which devices are cordoned',
      unit('a', 1),
      [device('x', 20, { state: 'cordoned' })],
      '1 of 1 device cannot: 1 is cordoned.',
      'Choose another device, or uncordon it.',
    ],
    [
      'says that there is no other device',
      unit('a', 1),
      [],
      'There is no other device.',
      'Join or approve another device; `drayage device ls` shows them.',
    ],
    [
      'counts each device once, the commonest reason first',
      unit('a', 30),
      [device('x', 20), device('y', 20), device('z', 90, { state: 'unreachable' })],
      '3 of 3 devices cannot: 2 lack memory, 1 does not answer.',
      'Free 10 MiB of memory on x, or join a device with 30 MiB of memory to give.',
    ],
    [
      'says what forbids it where no room would help',
      unit('a', 1, { demand: { memoryBytes: 1, diskBytes: 0, constraints: { disk: 'ssd' } } }),
      [device('x', 20)],
      '1 of 1 device cannot: 1 is not as asked for.',
      'Label a device so with `drayage device update`, or join one that is so.',
    ],
  ];
  it.each(helps)('%s', (_what, one, devices, message, mend) => {
    const [planned] = planMoves([one], world(devices));
    expect(planned?.causes[0]).toMatchObject({ code: 'noDevice', message, mend });
  });
});

describe('whatever the devices and computes are', () => {
  const someDevice = fc.record({
    mib: fc.integer({ min: 0, max: 300 }),
    state: fc.constantFrom(
      'ready' as const,
      'ready' as const,
      'ready' as const,
      'cordoned' as const,
      'unreachable' as const,
    ),
    location: fc.constantFrom('roof', 'cellar', null),
    apart: fc.subarray(['t/a', 't/b']),
  });
  const someUnit = fc.record({
    mib: fc.integer({ min: 1, max: 200 }),
    source: fc.integer({ min: 0, max: 5 }),
    planned: fc.option(fc.integer({ min: 0, max: 5 })),
    location: fc.option(fc.constantFrom('roof', 'cellar')),
    apart: fc.subarray(['t/a', 't/b']),
    runs: fc.boolean(),
  });
  const fleets = fc.record({
    devices: fc.array(someDevice, { minLength: 1, maxLength: 6 }),
    units: fc.array(someUnit, { maxLength: 12 }),
  });
  const built = ({
    devices,
    units,
  }: {
    devices: FcValue<typeof someDevice>[];
    units: FcValue<typeof someUnit>[];
  }) => ({
    devices: devices.map(({ mib, ...rest }, index) => device(`d${String(index)}`, mib, rest)),
    units: units.map((one, index) =>
      unit(`u${String(index)}`, one.mib, {
        source: `d${String(one.source)}`,
        target: one.planned === null ? null : `d${String(one.planned)}`,
        against: one.runs ? [] : [stopped],
        demand: {
          ...{ memoryBytes: one.mib * MIB, diskBytes: 0, apart: one.apart },
          constraints: one.location === null ? {} : { location: one.location },
        },
      }),
    ),
  });

  test('no plan overloads a device, breaks a constraint, or brings together what is kept apart', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const { devices, units } = built(fleet);
        const planned = planMoves(units, world(devices));
        expect(planned.length).toBe(units.length);
        // Given one after the other in the order of the plan, each finds its device as it needs it.
        const rooms = new Map(devices.map((one) => [one.id, { ...one }]));
        for (const { unit: moved, target } of planned) {
          if (target === null) continue;
          const room = rooms.get(target);
          expect(room && deviceCauses(room, moved.demand)).toEqual([]);
          expect(target).not.toBe(moved.source);
          if (!room) continue;
          room.memoryAvailableBytes -= moved.demand.memoryBytes;
          room.apart = [...(room.apart ?? []), ...(moved.demand.apart ?? [])];
        }
      }),
    );
  });

  test('whatever is not moved has a reason with a mend, and what does not run is not moved', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const { devices, units } = built(fleet);
        for (const { unit: one, target, causes, reason } of planMoves(units, world(devices))) {
          expect(reason).not.toBe('');
          if (one.against.length > 0) expect(target).toBeNull();
          if (target !== null) continue;
          expect(causes.length).toBeGreaterThan(0);
          for (const { message, mend } of causes) expect([message, mend]).not.toContain('');
        }
      }),
    );
  });

  test('what is left alone finds no device that could take it as the plan leaves them', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const { devices, units } = built(fleet);
        const planned = planMoves(units, world(devices));
        for (const { unit: one, target } of planned) {
          if (target !== null || one.against.length > 0) continue;
          for (const { ...room } of devices) {
            if (room.id === one.source) continue;
            const there = planned
              .filter((other) => other.target === room.id)
              .map((other) => other.unit.demand);
            room.memoryAvailableBytes -= there.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
            room.apart = [...(room.apart ?? []), ...there.flatMap(({ apart = [] }) => apart)];
            expect(deviceCauses(room, one.demand)).not.toEqual([]);
          }
        }
      }),
    );
  });

  test('a plan that is made again from its own targets is the same', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const { devices, units } = built(fleet);
        const first = planMoves(units, world(devices));
        const again = planMoves(
          first.map(({ unit: one, target }) => ({ ...one, target })),
          world(devices),
        );
        const wanted = Object.entries(targets(first)).filter(([, target]) => target !== null);
        expect(targets(again)).toMatchObject(Object.fromEntries(wanted));
      }),
    );
  });
});

type FcValue<T> = T extends fc.Arbitrary<infer V> ? V : never;
