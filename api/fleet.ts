import type { ClassMove } from '../core/api/devices.ts';
import { betweenClasses, classCauses } from '../core/checkCompatibility.ts';
import type { Inventory } from '../core/device.ts';
import { deviceClass } from '../core/deviceClass.ts';
import type { Fleet } from '../core/targetCauses.ts';
import type { Database } from '../db/database.ts';
import { type ClassRow, listClasses, readyDevices } from '../db/deviceClasses.ts';

/** The devices as they are now, read once for any number of computes. */
export async function readFleet(db: Database): Promise<Fleet> {
  const [classes, ready] = await Promise.all([listClasses(db), readyDevices(db)]);
  const facts = new Map(classes.map(({ id, inventory }) => [id, deviceClass(inventory)]));
  return { ready, between: betweenClasses(facts) };
}

/** To which classes what runs on devices of this one can move, in the order given. */
export function movesOf(source: Inventory, classes: ClassRow[]): ClassMove[] {
  return classes.map(({ id, inventory, devices }) => {
    const causes = classCauses(deviceClass(source), deviceClass(inventory));
    return { class: id, devices, ok: causes.length === 0, causes };
  });
}
