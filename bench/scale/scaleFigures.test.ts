import { describe, expect, test } from 'vitest';
import { costsOf, isMet, scaleFigures } from './scaleFigures.ts';
import type { Moves, Step, Watched } from './step.ts';

const watched = (devices: number, over: Partial<Watched> = {}): Watched => ({
  seconds: 40,
  parts: { api: { cpuSeconds: devices / 25, memoryBytes: devices * 1e6 } },
  readsMs: [4, 5, 6],
  heartbeats: devices * 20,
  grown: { postgres: 2_000_000, temporal: 4_000_000 },
  ...over,
});
const moves = (over: Partial<Moves> = {}): Moves => ({
  ...{ asked: 200, succeeded: 200, seconds: 60, startMs: [200, 300], reasons: [] },
  ...over,
});
const step = (devices: number, over: Partial<Step> = {}): Step => ({
  ...{ devices, computes: devices * 10, ready: devices, emptying: null, statements: [] },
  idle: watched(devices),
  moving: { ...watched(devices), moves: moves() },
  ...over,
});
const unmet = (last: Partial<Step>) =>
  scaleFigures([step(100), step(1000, last)])
    .filter((figure) => !isMet(figure))
    .map(({ name }) => name);
const moving = (devices: number, over: Partial<Moves>) => ({ ...watched(devices), moves: moves(over) });

describe('the figures of scale', () => {
  test('are met when cost grows as the devices do, or less', () => {
    expect(unmet({})).toEqual([]);
    expect(unmet({ idle: watched(1000, { parts: watched(200).parts }) })).toEqual([]);
  });
  test('are not met when processor time grows faster', () => {
    const parts = { api: { cpuSeconds: 60, memoryBytes: 1e9 } };
    expect(unmet({ idle: watched(1000, { parts }) })).toEqual(['costOverDevices']);
  });
  test('are not met when the slowest reads grow faster', () => {
    expect(unmet({ idle: watched(1000, { readsMs: [5, 80] }) })).toEqual(['costOverDevices']);
  });
  test('are not met when a move takes more of the database than the devices have grown', () => {
    const grown = { postgres: 30_000_000, temporal: 4_000_000 };
    expect(unmet({ moving: { ...watched(1000, { grown }), moves: moves() } })).toEqual(['costOverDevices']);
  });
  test('are not met when a move fails', () => {
    expect(unmet({ moving: moving(1000, { succeeded: 199 }) })).toEqual(['movesFinished']);
  });
  test('are not met when moves are made slower', () => {
    expect(unmet({ moving: moving(1000, { seconds: 80 }) })).toEqual(['movesPerMinuteKept']);
  });
  test('are not met when a device is not emptied', () => {
    const evacuations = { asked: 50, drained: 49, moved: 490, seconds: 60, planMs: [], reasons: [] };
    expect(unmet({ emptying: { ...watched(1000), evacuations } })).toEqual(['evacuationsDrained']);
  });
  test('mean nothing when heartbeats stay away, or devices are lost', () => {
    expect(unmet({ idle: watched(1000, { heartbeats: 10_000 }) })).toEqual(['heartbeatsOverDue']);
    expect(unmet({ ready: 999 })).toEqual(['devicesReady']);
  });
});

test('what a step costs is told of a processor in percent, and for a move', () => {
  expect(costsOf(step(100))).toMatchObject({
    'api idle, % of a core': 10,
    'api idle, MB': 100,
    'api, ms of a core for a move': 20,
    'read idle p50, ms': 5,
    'start to first phase p99, ms': 300,
    'PostgreSQL for a move, KB': 10,
    'Temporal for a move, KB': 20,
  });
});
