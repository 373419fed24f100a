import { hasEnded } from '../migration/describeMove.ts';
import type { Compute, Device, Migration } from '../state/collections.ts';
import type { Tone } from '../ui/stateLooks.ts';

export interface SummaryItem {
  label: string;
  count: number;
  /** The list of those that were counted. */
  href: string;
  tone: Tone;
}

/** What there is, counted by what matters to who looks; each leads to the list of those. */
export function summarise(
  devices: readonly Device[],
  computes: readonly Compute[],
  migrations: readonly Migration[],
): SummaryItem[] {
  const devicesIn = (...states: Device['state'][]) =>
    devices.filter(({ state }) => states.includes(state)).length;
  const computesIn = (...states: Compute['state'][]) =>
    computes.filter(({ state }) => states.includes(state)).length;
  const item = (label: string, count: number, href: string, tone: Tone): SummaryItem => ({
    // “1 devices” reads like a fault.
    label: count === 1 ? label.replace(/^(device|compute|move)s/, '$1') : label,
    ...{ count, href },
    tone: count === 0 ? 'idle' : tone,
  });
  return [
    item('devices ready', devicesIn('ready'), '/devices?state=ready', 'ok'),
    item('unreachable', devicesIn('unreachable'), '/devices?state=unreachable', 'bad'),
    item('to approve', devicesIn('discovered', 'pending'), '/devices?state=toApprove', 'warn'),
    item('computes running', computesIn('running', 'migrating'), '/computes?state=running', 'ok'),
    item('stopped', computesIn('stopped'), '/computes?state=stopped', 'idle'),
    item('failed', computesIn('failed', 'lost'), '/computes?state=failed', 'bad'),
    item(
      'moves under way',
      migrations.filter((move) => !hasEnded(move)).length,
      '/migrations?state=running',
      'busy',
    ),
  ];
}
