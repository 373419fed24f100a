import { describe, expect, test } from 'vitest';
import { updateComputeRequestSchema } from './api/computes.ts';
import { type ComputeSpec, computeSpecSchema } from './compute.ts';
import { planUpdate } from './planUpdate.ts';

const MIB = 2 ** 20;
const before: ComputeSpec = computeSpecSchema.parse({
  id: 'cmp_000000000001',
  group: 'grp_000000000001',
  name: 'web',
  image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
  memoryBytes: 64 * MIB,
  cpus: 1,
  labels: { a: '1', b: '2' },
  healthCheck: { command: ['/bin/true'] },
  address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
});

describe('a change of a compute', () => {
  test.each([
    ['more memory', { memoryBytes: 96 * MIB }, { memoryBytes: 96 * MIB }, { memoryBytes: 32 * MIB }],
    ['less memory takes nothing', { memoryBytes: 32 * MIB }, { memoryBytes: 32 * MIB }, {}],
    ['CPUs and processes', { cpus: 2.5, pids: 10 }, { cpus: 2.5, pids: 10 }, { cpus: 1.5 }],
    ['labels, one by one', { labels: { a: null, c: '3' } }, { labels: { b: '2', c: '3' } }, {}],
    [
      'the restart policy',
      { restartPolicy: { name: 'always' } },
      { restartPolicy: { name: 'always', maximumRetries: 0 } },
      {},
    ],
  ])('%s', (_name, change, expected, demand) => {
    const plan = planUpdate(before, updateComputeRequestSchema.parse(change));
    expect(plan).toMatchObject({ action: 'apply', demand });
    expect(plan.spec).toEqual({ ...before, ...expected });
    expect(plan.demand).toEqual(demand);
  });

  test('a limit that there was not is taken whole', () => {
    const { memoryBytes: _, ...unlimited } = before;
    expect(planUpdate(unlimited, { memoryBytes: 64 * MIB }).demand).toEqual({ memoryBytes: 64 * MIB });
  });

  test('a health check is taken away, or stays', () => {
    expect(planUpdate(before, { healthCheck: null }).spec).not.toHaveProperty('healthCheck');
    expect(planUpdate(before, { cpus: 2 }).spec.healthCheck).toEqual(before.healthCheck);
  });

  test('what is so already is no change', () => {
    expect(planUpdate(before, { cpus: 1, labels: { a: '1', gone: null } })).toMatchObject({
      action: 'nothing',
      spec: before,
    });
  });

  test('says what is changed', () => {
    expect(planUpdate(before, { cpus: 2, labels: { a: '9' } }).reason).toBe('Changed: CPUs, labels.');
  });

  test.each([
    ['nothing', {}],
    ['the command', { command: ['x'] }],
    ['the environment', { env: {}, cpus: 1 }],
    ['the image', { image: 'other' }],
    ['a privilege', { privileged: true, cpus: 1 }],
    ['less memory than Docker takes', { memoryBytes: 1 }],
    ['a label that is none', { labels: { 'Ä!': 'x' } }],
    ['a limit that is taken away', { memoryBytes: null }],
  ])('%s is refused', (_name, change) => {
    expect(updateComputeRequestSchema.safeParse(change).success).toBe(false);
  });
});
