import { describe, expect, it } from 'vitest';
import { decideQuota, type Demand, NO_QUOTA, type Quota, type Usage } from './quota.ts';

const GIB = 2 ** 30;
const used: Usage = { computes: 2, memoryBytes: GIB, cpus: 1.5, imageBytes: 5 * GIB };

describe('decideQuota', () => {
  it.each<[words: string, quota: Partial<Quota>, demand: Demand, codes: string[]]>([
    ['no quota, no limits', {}, { computes: 1, memoryBytes: undefined, cpus: undefined }, []],
    ['the last compute', { computes: 3 }, { computes: 1 }, []],
    ['one compute too many', { computes: 2 }, { computes: 1 }, ['quotaExceeded']],
    ['memory to the last byte', { memoryBytes: 2 * GIB }, { memoryBytes: GIB }, []],
    ['a byte too much', { memoryBytes: 2 * GIB }, { memoryBytes: GIB + 1 }, ['quotaExceeded']],
    ['half a CPU', { cpus: 2 }, { cpus: 0.5 }, []],
    ['no memory limit of its own', { memoryBytes: 2 * GIB }, { memoryBytes: undefined }, ['quotaNeedsLimit']],
    ['what is not asked for does not count', { imageBytes: GIB }, { computes: 1 }, []],
    [
      'everything that is wrong is said',
      { computes: 0, cpus: 1, memoryBytes: 1 },
      { computes: 1, cpus: undefined, memoryBytes: 1 },
      ['quotaExceeded', 'quotaNeedsLimit', 'quotaExceeded'],
    ],
  ])('%s', (_words, quota, demand, codes) => {
    const decision = decideQuota({ ...NO_QUOTA, ...quota }, used, demand);
    const causes = decision.action === 'refuse' ? decision.causes : [];
    expect(causes.map(({ code }) => code)).toEqual(codes);
  });
});
