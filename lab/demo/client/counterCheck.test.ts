import { describe, expect, it } from 'vitest';
import { CounterCheck } from './counterCheck.ts';

describe('counts', () => {
  it('are right when each comes once and the end is their number', () => {
    const check = new CounterCheck(100);
    for (const count of [101, 102, 103]) expect(check.counted(count, check.highest)).toBeNull();
    expect(check.acknowledged).toBe(3);
    expect(check.settled(103)).toBeNull();
  });

  it('of several connections may come in another order than they were given', () => {
    const check = new CounterCheck(0);
    const floor = check.highest;
    expect(check.counted(2, floor)).toBeNull();
    expect(check.counted(1, floor)).toBeNull();
    expect(check.settled(2)).toBeNull();
  });

  it('may not be lower than what was acknowledged before they were asked for', () => {
    const check = new CounterCheck(0);
    check.counted(7, 0);
    expect(check.counted(7, check.highest)).toMatch(/went back: 7 after 7/);
    expect(check.observed(6, check.highest)).toMatch(/went back: 6 after 7/);
    expect(check.observed(7, check.highest)).toBeNull();
  });

  it('may not be given twice', () => {
    const check = new CounterCheck(0);
    expect(check.counted(5, 0)).toBeNull();
    expect(check.counted(5, 0)).toMatch(/5 was given twice/);
  });

  it('are known for as many as there are', () => {
    const check = new CounterCheck(10);
    for (let count = 11; count <= 200_010; count += 1) check.counted(count, count - 1);
    expect(check.settled(200_010)).toBeNull();
    expect(check.counted(70_000, 0)).toMatch(/given twice/);
  });
});

describe('the end', () => {
  const cases: { name: string; acknowledged: number; open: number; end: number; right: boolean }[] = [
    { name: 'a lost increment', acknowledged: 5, open: 0, end: 4, right: false },
    { name: 'a doubled increment', acknowledged: 5, open: 0, end: 6, right: false },
    { name: 'all there', acknowledged: 5, open: 0, end: 5, right: true },
    { name: 'an increment on a lost connection, not counted', acknowledged: 5, open: 1, end: 5, right: true },
    { name: 'an increment on a lost connection, counted', acknowledged: 5, open: 1, end: 6, right: true },
    { name: 'more than those on lost connections', acknowledged: 5, open: 1, end: 7, right: false },
  ];
  it.each(cases)('$name: right is $right', ({ acknowledged, open, end, right }) => {
    const check = new CounterCheck(0);
    for (let count = 1; count <= acknowledged; count += 1) check.counted(count, count - 1);
    for (let index = 0; index < open; index += 1) check.leftOpen();
    expect(check.settled(end) === null).toBe(right);
  });
});
