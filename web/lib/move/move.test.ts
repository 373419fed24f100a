import { describe, expect, it } from 'vitest';
import { checkMove, NO_OPTIONS } from './moveOptions.ts';
import { orderTargets, type Target } from './orderTargets.ts';

describe('checkMove', () => {
  it.each([
    [{}, { target: 'd' }],
    [{ maxDowntimeMs: ' 200 ' }, { target: 'd', maxDowntimeMs: 200 }],
    [
      { bandwidthMbit: '2.5', dryRun: true },
      { target: 'd', bandwidthMbit: 2.5, dryRun: true },
    ],
    [
      { allowThrottle: true, endSessions: true },
      { target: 'd', allowThrottle: true, endSessions: true },
    ],
  ])('of %o asks for %o', (over, request) => {
    expect(checkMove('d', { ...NO_OPTIONS, ...over })).toEqual({ request, errors: {} });
  });
  it.each([
    [{ maxDowntimeMs: '0' }, ['maxDowntimeMs']],
    [{ maxDowntimeMs: '1.5' }, ['maxDowntimeMs']],
    [{ maxDowntimeMs: 'fast', bandwidthMbit: '-1' }, ['maxDowntimeMs', 'bandwidthMbit']],
    [{ bandwidthMbit: '1e9' }, ['bandwidthMbit']],
  ])('of %o finds %o wrong', (over, wrong) => {
    expect(Object.keys(checkMove('d', { ...NO_OPTIONS, ...over }).errors)).toEqual(wrong);
  });
});

describe('orderTargets', () => {
  it('has those that can take it first, the shortest freeze first, then by name', () => {
    const target = (name: string, freezeMs: number | null) =>
      ({
        ...{ device: { id: name, name }, ok: freezeMs !== null, causes: [] },
        predicted: freezeMs === null ? null : { freezeMs },
      }) as unknown as Target;
    const targets = [
      target('n10', null),
      target('n2', null),
      target('slow', 90),
      target('b', 10),
      target('a', 10),
    ];
    expect(orderTargets(targets).map(({ device }) => device.name)).toEqual(['a', 'b', 'slow', 'n2', 'n10']);
  });
});
