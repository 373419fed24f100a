import { expect, test } from 'vitest';
import { decideSelfEvacuation, type SelfEvacuationDecision } from './decideSelfEvacuation.ts';

type Cause = SelfEvacuationDecision['cause'];
const ON = { batteryPercent: 20, celsius: 85 };
const OFF = { batteryPercent: null, celsius: null };
const draining = (percent: number) => ({ battery: { percent, discharging: true }, celsius: null });
const charging = (percent: number) => ({ battery: { percent, discharging: false }, celsius: null });
const hot = (celsius: number) => ({ battery: null, celsius });

test.each<
  [string, Parameters<typeof decideSelfEvacuation>[0], typeof ON | typeof OFF, Cause, 'ask' | 'wait', Cause]
>([
  ['a device without battery and zones waits', { battery: null, celsius: null }, ON, null, 'wait', null],
  ['a battery below its limit asks', draining(19), ON, null, 'ask', 'battery'],
  ['a battery at its limit waits', draining(20), ON, null, 'wait', null],
  ['a low battery that is charged waits', charging(3), ON, null, 'wait', null],
  ['a low battery that nobody looks at waits', draining(3), OFF, null, 'wait', null],
  ['a low battery for which it has asked does not ask again', draining(10), ON, 'battery', 'wait', 'battery'],
  ['nor while it swings about its limit', draining(24), ON, 'battery', 'wait', 'battery'],
  ['one that is well above again is forgotten', draining(25), ON, 'battery', 'wait', null],
  ['one that is charged again is forgotten at once', charging(10), ON, 'battery', 'wait', null],
  ['a device above its limit asks', hot(85.1), ON, null, 'ask', 'temperature'],
  ['a device at its limit waits', hot(85), ON, null, 'wait', null],
  ['a hot device that nobody looks at waits', hot(120), OFF, null, 'wait', null],
  ['a hot device that has asked does not ask again', hot(90), ON, 'temperature', 'wait', 'temperature'],
  ['nor while it swings about its limit, as a battery', hot(80.1), ON, 'temperature', 'wait', 'temperature'],
  ['one that is cool again is forgotten', hot(80), ON, 'temperature', 'wait', null],
  ['an empty battery goes before heat', { ...draining(5), celsius: 99 }, ON, null, 'ask', 'battery'],
  ['another cause asks again', hot(90), ON, 'battery', 'ask', 'temperature'],
])('%s', (_what, readings, limits, before, action, cause) => {
  expect(decideSelfEvacuation(readings, limits, before)).toMatchObject({ action, cause });
});
