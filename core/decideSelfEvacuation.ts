import type { SelfEvacuationCause } from './deviceApi.ts';

/** What a device sees of itself; null where it has no such thing. */
export interface Readings {
  /** The fullest battery, and whether it is being emptied. */
  battery: { percent: number; discharging: boolean } | null;
  /** The hottest zone, degrees Celsius. */
  celsius: number | null;
}

/** Null: not looked at. */
export interface SelfEvacuationLimits {
  batteryPercent: number | null;
  celsius: number | null;
}

export interface SelfEvacuationDecision {
  action: 'ask' | 'wait';
  reason: string;
  /** Why it is to be emptied, now or since before; null while nothing is wrong. */
  cause: Extract<SelfEvacuationCause, 'battery' | 'temperature'> | null;
}

/** What is over its limit is over it until it is so far back: a figure that swings asks once. */
export const BATTERY_BACK_PERCENT = 5;
export const CELSIUS_BACK = 5;

/** Whether a device asks to be emptied; `before` is the cause for which it has asked, and which has not gone since. */
export function decideSelfEvacuation(
  { battery, celsius }: Readings,
  limits: SelfEvacuationLimits,
  before: SelfEvacuationDecision['cause'],
): SelfEvacuationDecision {
  const low = limits.batteryPercent;
  const emptying = battery?.discharging === true;
  const back = (cause: SelfEvacuationDecision['cause'], by: number) => (before === cause ? by : 0);
  if (low !== null && emptying && battery.percent < low + back('battery', BATTERY_BACK_PERCENT))
    return decided('battery', before, `${String(battery.percent)} % left, limit ${String(low)} %`);
  const hot = limits.celsius;
  if (hot !== null && celsius !== null && celsius > hot - back('temperature', CELSIUS_BACK))
    return decided('temperature', before, `${celsius.toFixed(1)} °C, limit ${String(hot)} °C`);
  return { action: 'wait', reason: 'no limit is passed', cause: null };
}

function decided(
  cause: 'battery' | 'temperature',
  before: SelfEvacuationDecision['cause'],
  reason: string,
): SelfEvacuationDecision {
  return { action: cause === before ? 'wait' : 'ask', reason, cause };
}
