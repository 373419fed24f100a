import { describe, expect, it } from 'vitest';
import { NO_FAULTS, endSchema, renderFaults, withCut, withLoss } from './faults.ts';

describe('faults', () => {
  it('cuts both directions', () => {
    const script = renderFaults(withCut(NO_FAULTS, 'd1', 'control'));
    expect(script).toContain('iifname "d1" oifname "control" drop');
    expect(script).toContain('iifname "control" oifname "d1" drop');
  });

  it('keeps one cut of a pair, however often and in whichever order it is asked for', () => {
    const faults = withCut(withCut(NO_FAULTS, 'd1', 'd2'), 'd2', 'd1');
    expect(faults.cuts).toHaveLength(1);
  });

  it('replaces the loss of a pair, and ends it at 0', () => {
    const lossy = withLoss(withLoss(NO_FAULTS, 'd1', 'd2', 1), 'd2', 'd1', 2.5);
    expect(renderFaults(lossy).match(/numgen random mod 100000 < 2500 drop/g)).toHaveLength(2);
    expect(withLoss(lossy, 'd1', 'd2', 0).losses).toEqual([]);
  });

  it('drops everything at 100 %, which numgen has no number for', () => {
    expect(renderFaults(withLoss(NO_FAULTS, 'd1', 'd2', 100))).toContain('iifname "d1" oifname "d2" drop');
  });

  it('replaces what was there, so that no faults means none', () => {
    expect(renderFaults(NO_FAULTS)).toMatch(/delete table bridge faults[^]*table bridge faults {/);
    expect(renderFaults(NO_FAULTS)).not.toContain('drop');
  });

  it.each(['client', 'd0', 'x', '"; drop'])('knows no end named %j', (name) => {
    expect(endSchema.safeParse(name).success).toBe(false);
  });
});
