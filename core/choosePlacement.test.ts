import { describe, expect, it } from 'vitest';
import {
  type Candidate,
  choosePlacement,
  deviceCauses,
  RESERVED_DISK_BYTES,
  RESERVED_MEMORY_BYTES,
} from './choosePlacement.ts';

const GIB = 2 ** 30;
const demand = { memoryBytes: GIB, diskBytes: GIB };
const device = (id: string, over: Partial<Candidate> = {}): Candidate => ({
  id,
  name: id,
  state: 'ready',
  memoryAvailableBytes: 4 * GIB,
  diskAvailableBytes: 10 * GIB,
  ...over,
});

describe('choosePlacement', () => {
  const cases: [string, Candidate[], string[], string | null][] = [
    ['the one with the most memory', [device('a'), device('b', { memoryAvailableBytes: 5 * GIB })], [], 'b'],
    ['by name when equal', [device('b'), device('a')], [], 'a'],
    ['none of those left out', [device('a'), device('b')], ['a'], 'b'],
    [
      'none that is cordoned',
      [device('a', { state: 'cordoned' }), device('b', { memoryAvailableBytes: 2 * GIB })],
      [],
      'b',
    ],
    ['none that is unreachable', [device('a', { state: 'unreachable' })], [], null],
    ['none that waits for approval', [device('a', { state: 'pending' })], [], null],
    ['none without memory', [device('a', { memoryAvailableBytes: GIB })], [], null],
    ['none without disk', [device('a', { diskAvailableBytes: GIB })], [], null],
    ['nothing from nothing', [], [], null],
  ];
  it.each(cases)('chooses %s', (_name, devices, without, chosen) => {
    const decision = choosePlacement(devices, demand, { without });
    expect(decision.action === 'place' ? decision.device.id : null).toBe(chosen);
    expect(decision.reason).not.toBe('');
  });

  it('names the cause of every device when it refuses', () => {
    const decision = choosePlacement(
      [device('a', { state: 'cordoned' }), device('b', { memoryAvailableBytes: 0 })],
      demand,
    );
    if (decision.action !== 'refuse') throw new Error('it must refuse');
    expect(decision.causes.map(({ code }) => code)).toEqual(['noDevice', 'deviceNotReady', 'outOfMemory']);
  });
});

describe('deviceCauses', () => {
  it('leaves the device its reserve, to the byte', () => {
    const exact = {
      memoryAvailableBytes: GIB + RESERVED_MEMORY_BYTES,
      diskAvailableBytes: GIB + RESERVED_DISK_BYTES,
    };
    expect(deviceCauses(device('a', exact), demand)).toEqual([]);
    expect(
      deviceCauses(device('a', { ...exact, memoryAvailableBytes: exact.memoryAvailableBytes - 1 }), demand),
    ).toHaveLength(1);
  });
});
