import type { Cause } from './cause.ts';
import { type Demand, hasRoom, type Room } from './choosePlacement.ts';
import { constraintCauses, type Place } from './constraints.ts';

/** A device that is ready and answers. */
export interface ReadyDevice extends Room, Place {
  id: string;
  /** Null until it has said of which it is. */
  classId: string | null;
}

/** What is known of all devices together. */
export interface Fleet {
  ready: ReadyDevice[];
  /** Why nothing moves from one class to another; empty when it can. Worked out once for each two. */
  between(source: string, target: string): Cause[];
}

/**
 * Why no device could take a compute over from its own now; empty when one could. Looked at until the first that could; the
 * preflight of a move measures what is only estimated here.
 */
export function targetCauses(
  source: { deviceId: string; classId: string | null },
  demand: Demand,
  fleet: Fleet,
): Cause[] {
  const against = new Map<string, Cause>();
  let others = 0;
  for (const device of fleet.ready) {
    if (device.id === source.deviceId) continue;
    others += 1;
    const known = source.classId !== null && device.classId !== null;
    const causes = [
      ...(known ? fleet.between(source.classId!, device.classId!) : []),
      ...constraintCauses(device, demand.constraints),
    ];
    if (causes.length === 0 && hasRoom(device, demand)) return [];
    for (const cause of causes.length === 0 ? [NO_ROOM] : causes) against.set(cause.message, cause);
  }
  return [noTarget(others), ...against.values()];
}

const NO_ROOM: Cause = {
  code: 'noRoom',
  message: 'Devices that could take it have too little memory or disk free.',
  mend: 'Move or stop something there, or remove images.',
};

function noTarget(others: number): Cause {
  return {
    code: 'noTarget',
    message:
      others === 0 ? 'No other device is ready.' : `None of the ${String(others)} other devices can take it.`,
    mend: 'Join, approve or uncordon a device of the same kind; `drayage device ls` shows them.',
  };
}
