import { describe, expect, test } from 'vitest';
import { isMet, scaleFigures, type Step } from './scaleFigures.ts';

const step = (devices: number, cpuSeconds: number, memoryBytes: number, over: Partial<Step> = {}): Step => ({
  devices,
  seconds: 40,
  parts: { api: { cpuSeconds, memoryBytes } },
  heartbeats: devices * 20,
  ready: devices,
  ...over,
});
const unmet = (steps: Step[]) =>
  scaleFigures(steps)
    .filter((figure) => !isMet(figure))
    .map(({ name }) => name);

describe('the growth of the API', () => {
  test('is met when processor time and memory grow as the devices do, or less', () => {
    expect(unmet([step(50, 2, 100), step(200, 8, 400)])).toEqual([]);
    expect(unmet([step(50, 2, 100), step(200, 6, 200)])).toEqual([]);
  });
  test('is not met when processor time grows faster', () => {
    expect(unmet([step(50, 2, 100), step(200, 12, 400)])).toEqual(['apiCpuPer100Grows']);
  });
  test('is not met when memory grows faster', () => {
    expect(unmet([step(50, 2, 100), step(200, 8, 600)])).toEqual(['apiMemoryPer100Grows']);
  });
  test('means nothing when heartbeats stay away, or devices are lost', () => {
    expect(unmet([step(50, 2, 100), step(200, 4, 400, { heartbeats: 2000 })])).toEqual(['heartbeatsOverDue']);
    expect(unmet([step(50, 2, 100), step(200, 4, 400, { ready: 199 })])).toEqual(['devicesReady']);
  });
  test('is told for 100 devices, a processor in percent', () => {
    const [cpu] = scaleFigures([step(50, 2, 100), step(200, 8, 400)]);
    expect(cpu?.parts).toEqual({ 50: 10, 200: 10 });
  });
});
