import { filterWords, hasWords, labelTexts } from '../filter/words.ts';
import type { Compute } from '../state/collections.ts';

/** What is looked for; an empty text is no filter. */
export interface ComputeFilters {
  /** In names, addresses, images, devices, groups and labels; all of its words. */
  text: string;
  state: string;
  /** Id of a device. */
  device: string;
  /** `NAME` or `NAME=VALUE`. */
  label: string;
}

export const NO_FILTERS: ComputeFilters = { text: '', state: '', device: '', label: '' };

/** The computes that all filters let through, in their order. */
export function filterComputes(computes: readonly Compute[], filters: ComputeFilters): readonly Compute[] {
  const words = filterWords(filters.text);
  const label = filters.label.trim();
  return computes.filter(
    (compute) =>
      (filters.state === '' || compute.state === filters.state) &&
      (filters.device === '' || compute.device.id === filters.device) &&
      (label === '' || hasLabel(compute, label)) &&
      (words.length === 0 || hasWords(words, textsOf(compute))),
  );
}

function hasLabel({ labels }: Compute, wanted: string): boolean {
  const at = wanted.indexOf('=');
  if (at === -1) return wanted in labels;
  return labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function textsOf({ id, name, ip, image, device, groupName, labels }: Compute): (string | null)[] {
  return [id, name, ip, image.name, device.name, groupName, ...labelTexts(labels)];
}
