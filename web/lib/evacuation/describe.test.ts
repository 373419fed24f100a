import { describe, expect, it } from 'vitest';
import { isOpen, namesOf, progressOf, titleOf } from './describe.ts';

const counts = { waiting: 0, moving: 0, moved: 0, left: 0, stopped: 0, gone: 0 };

describe('an evacuation in words', () => {
  it.each([
    [{ ...counts, waiting: 2, moving: 1, moved: 1 }, 0.25, '1 of 4 moved, 3 to go'],
    [{ ...counts, moved: 3, left: 1 }, 1, '3 of 4 moved'],
    [{ ...counts, gone: 1, waiting: 1 }, 0.5, '0 of 2 moved, 1 to go'],
    [counts, 1, '0 of 0 moved'],
  ])('%j', (given, share, words) => {
    expect(progressOf({ counts: given })).toEqual({ share, words });
  });

  it('has a title by its kind', () => {
    const device = { id: 'dev_1', name: 'd1' };
    expect(titleOf({ kind: 'evacuate', device })).toBe('Evacuation of d1');
    expect(titleOf({ kind: 'return', device })).toBe('Return to d1');
    expect(titleOf({ kind: 'rebalance', device: null })).toBe('Rebalance');
  });

  it('is open until it has ended', () => {
    expect((['running', 'paused', 'cancelling'] as const).every((state) => isOpen({ state }))).toBe(true);
    expect(
      (['succeeded', 'incomplete', 'cancelled', 'failed'] as const).some((state) => isOpen({ state })),
    ).toBe(false);
  });

  it('names the computes, and the group when they are gone', () => {
    const computes = ['web', 'db'].map((name) => ({ id: name, name }));
    expect(namesOf({ group: 'grp_1', computes })).toBe('web, db');
    expect(namesOf({ group: 'grp_1', computes: [] })).toBe('grp_1');
  });
});
