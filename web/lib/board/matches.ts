import { hasWords, labelTexts } from '../filter/words.ts';
import type { Compute, Device } from '../state/collections.ts';
import { COMPUTE_LOOKS, DEVICE_LOOKS } from '../ui/stateLooks.ts';

/** Whether a device has the words in its name, place, architecture, state or labels. */
export function deviceMatches(device: Device, words: readonly string[]): boolean {
  const { name, location, inventory, state, labels } = device;
  return hasWords(words, [
    ...[name, location, inventory.architecture, state, DEVICE_LOOKS[state].word],
    ...labelTexts(labels),
  ]);
}

/** Whether a compute has the words in its name, tenant, image, state, health or labels. */
export function computeMatches(compute: Compute, words: readonly string[]): boolean {
  const { name, tenant, image, state, health, labels } = compute;
  return hasWords(words, [
    ...[name, tenant.name, image.name, state, COMPUTE_LOOKS[state].word, health?.state ?? null],
    ...labelTexts(labels),
  ]);
}

export interface Filtered {
  devices: readonly Device[];
  computes: readonly Compute[];
}

/**
 * What of the board matches: devices that match with all their computes, and computes that match with their device.
 * Without words all of it.
 */
export function filterBoard(all: Filtered, words: readonly string[]): Filtered {
  if (words.length === 0) return all;
  const whole = new Set(all.devices.filter((device) => deviceMatches(device, words)).map(({ id }) => id));
  const computes = all.computes.filter(
    (compute) => whole.has(compute.device.id) || computeMatches(compute, words),
  );
  const holding = new Set(computes.map(({ device }) => device.id));
  return { devices: all.devices.filter(({ id }) => whole.has(id) || holding.has(id)), computes };
}
