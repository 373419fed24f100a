import type { Schemas } from '../../../client/createClient.ts';
import type { Cause } from '../../../core/cause.ts';

export interface MatrixRow {
  id: string;
  /** What the devices of the class have in common. */
  facts: string;
  devices: number;
  /** Some of them. */
  examples: { id: string; name: string }[];
  ok: boolean;
  causes: readonly Cause[];
}

/** Where what runs on a device can move, one row for each class of devices; those that it can move to first. */
export function moveMatrix(
  movesTo: Schemas['DeviceDetail']['movesTo'],
  classes: readonly Schemas['DeviceClass'][],
  self: string,
): MatrixRow[] {
  const known = new Map(classes.map((one) => [one.id, one]));
  return movesTo
    .map(({ class: id, devices, ok, causes }) => {
      const one = known.get(id);
      const examples = (one?.examples ?? []).filter((example) => example.id !== self);
      return { id, facts: one ? factsText(one.facts) : '–', devices, examples, ok, causes };
    })
    .filter(({ devices }) => devices > 0)
    .sort((one, other) => Number(other.ok) - Number(one.ok) || other.devices - one.devices);
}

function factsText({ architecture, criu, cgroupVersion }: Schemas['DeviceClass']['facts']): string {
  return `${architecture}, CRIU ${criu}, cgroup v${cgroupVersion}`;
}
