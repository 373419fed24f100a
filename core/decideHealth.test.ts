import { describe, expect, test } from 'vitest';
import { decideHealth, type HealthView, STARTING } from './decideHealth.ts';
import { type Health, healthCheckSchema } from './healthCheck.ts';

const check = healthCheckSchema.parse({ command: ['/bin/true'], retries: 3, startPeriodSeconds: 10 });
const well: Health = { state: 'healthy', reason: 'The check succeeds.' };
const ill: Health = { state: 'unhealthy', reason: 'x' };
const fails = { kind: 'exit', code: 1 } as const;
const succeeds = { kind: 'exit', code: 0 } as const;
const view: HealthView = { check, before: well, failures: 0, outcome: fails, ranMs: 60_000 };

describe('the health of a compute', () => {
  test.each<[string, Partial<HealthView>, Health['state'], number]>([
    ['one success makes it healthy', { before: STARTING, outcome: succeeds }, 'healthy', 0],
    ['and healthy again', { before: ill, failures: 9, outcome: succeeds }, 'healthy', 0],
    ['one failure changes nothing', {}, 'healthy', 1],
    ['nor do some', { failures: 1 }, 'healthy', 2],
    ['enough in a row make it unhealthy', { failures: 2 }, 'unhealthy', 3],
    ['it stays so', { before: ill, failures: 3 }, 'unhealthy', 4],
    ['a run that takes too long is a failure', { failures: 2, outcome: { kind: 'timeout' } }, 'unhealthy', 3],
    [
      'so is one that cannot be started',
      { failures: 2, outcome: { kind: 'notStarted', message: 'no such program' } },
      'unhealthy',
      3,
    ],
    ['while it starts failures do not count', { before: STARTING, ranMs: 9_999, failures: 0 }, 'starting', 0],
    ['after that they do', { before: STARTING, ranMs: 10_000, failures: 0 }, 'starting', 1],
    ['and make it unhealthy', { before: STARTING, ranMs: 10_000, failures: 2 }, 'unhealthy', 3],
    ['once it was healthy the start is over', { ranMs: 100, failures: 2 }, 'unhealthy', 3],
  ])('%s', (_name, over, state, failures) => {
    expect(decideHealth({ ...view, ...over })).toMatchObject({ state, failures });
  });

  test('says what was seen', () => {
    const reason = (over: Partial<HealthView>) => decideHealth({ ...view, failures: 2, ...over }).reason;
    expect(reason({})).toBe('The check ended with exit code 1. It failed 3 times in a row.');
    expect(reason({ outcome: { kind: 'timeout' } })).toContain('longer than 5 s');
    expect(reason({ outcome: { kind: 'notStarted', message: 'x'.repeat(9999) } }).length).toBeLessThan(512);
    expect(decideHealth({ ...view, check: { ...check, retries: 1 } }).reason).toContain(
      'failed once in a row',
    );
  });
});
