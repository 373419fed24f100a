import { servicePorts } from '../core/device.ts';
import { allDevices } from '../db/devices.ts';
import type { ApiContext } from './context.ts';

/** Ports that nobody may publish: the control plane's, and those on which devices speak with each other. */
export async function reservedPorts({ db, config }: Pick<ApiContext, 'db' | 'config'>): Promise<Set<number>> {
  const own = [config.listen, config.deviceListen, config.gatewayListen].map(({ port }) => port);
  const devices = await allDevices(db);
  return new Set([...own, ...devices.flatMap(({ inventory }) => servicePorts(inventory.linkAddress))]);
}
