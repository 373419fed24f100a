import type { Device } from '../state/collections.ts';

/** Devices at one place; `location` is null for those of which nobody has said where they are. */
export interface Place {
  location: string | null;
  devices: Device[];
}

const words = new Intl.Collator('en', { numeric: true });

/** Devices by where they are, in the order that people count in; those without a place come last. */
export function groupByLocation(devices: readonly Device[]): Place[] {
  return [...Map.groupBy(devices, ({ location }) => location)]
    .map(([location, there]) => ({ location, devices: there }))
    .sort((one, other) => {
      if (one.location === null || other.location === null) return one.location === null ? 1 : -1;
      return words.compare(one.location, other.location);
    });
}
