import type { DeviceState } from '../../../core/device.ts';
import { filterWords, labelTexts } from '../filter/words.ts';
import { deviceMatches } from '../board/matches.ts';
import type { Device } from '../state/collections.ts';

/** Both states in which a device waits for the operator. */
export const TO_APPROVE = 'toApprove';

/** What of the devices is looked at; an empty text is all. In the address, so that it can be sent to somebody. */
export interface DeviceFilter {
  text: string;
  architecture: string;
  location: string;
  label: string;
  state: string;
}

/** The name of each in the address. */
const NAMES: Record<keyof DeviceFilter, string> = {
  text: 'q',
  architecture: 'architecture',
  location: 'location',
  label: 'label',
  state: 'state',
};
/** Stands in the address for devices of which nobody has said where they are. */
export const NO_LOCATION = '-';

/** The filter that an address has. */
export function readFilter(query: URLSearchParams): DeviceFilter {
  const of = (key: keyof DeviceFilter) => query.get(NAMES[key]) ?? '';
  return {
    ...{ text: of('text'), architecture: of('architecture'), location: of('location') },
    ...{ label: of('label'), state: of('state') },
  };
}

/** The name in the address of a part of the filter. */
export function queryName(part: keyof DeviceFilter): string {
  return NAMES[part];
}

/** Whether a device waits for the operator to approve it. */
export function waitsForApproval({ state }: Pick<Device, 'state'>): boolean {
  return state === 'discovered' || state === 'pending';
}

/** The devices that a filter leaves. */
export function filterDevices(devices: readonly Device[], filter: DeviceFilter): Device[] {
  const words = filterWords(filter.text);
  const { architecture, location, label, state } = filter;
  return devices.filter(
    (device) =>
      (architecture === '' || device.inventory.architecture === architecture) &&
      (location === '' || (device.location ?? NO_LOCATION) === location) &&
      (label === '' || labelTexts(device.labels).includes(label)) &&
      inState(device, state) &&
      deviceMatches(device, words),
  );
}

function inState(device: Device, state: string): boolean {
  return state === '' || (state === TO_APPROVE ? waitsForApproval(device) : device.state === state);
}

export interface FilterChoices {
  architectures: string[];
  locations: string[];
  labels: string[];
  states: DeviceState[];
}

/** What there is to choose from. */
export function filterChoices(devices: readonly Device[]): FilterChoices {
  const distinct = <T extends string>(values: readonly T[]) => [...new Set(values)].sort();
  return {
    architectures: distinct(devices.map(({ inventory }) => inventory.architecture)),
    locations: distinct(devices.flatMap(({ location }) => location ?? [])),
    labels: distinct(devices.flatMap(({ labels }) => labelTexts(labels))),
    states: distinct(devices.map(({ state }) => state)),
  };
}
