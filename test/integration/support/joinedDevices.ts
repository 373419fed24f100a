import { afterEach, beforeEach } from 'vitest';
import { joinResponseSchema } from '../../../core/deviceApi.ts';
import type { Inventory } from '../../../core/device.ts';
import { ControlClient } from '../../../device/control/controlClient.ts';
import type { TestApi } from './api.ts';
import { makeInventory } from './fixtures.ts';
import { ask, makeRequest } from './tls.ts';

/** A device that has joined, as it talks to the control plane. */
export interface JoinedDevice {
  client: ControlClient;
  deviceId: string;
}

/** Has the devices' API listen within each test; devices join it by the function that this gives. */
export function useDevices(
  api: TestApi,
): (name: string, inventory?: Partial<Inventory>) => Promise<JoinedDevice> {
  let url = '';
  let clients: ControlClient[] = [];
  beforeEach(async () => {
    url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
    clients = [];
  });
  afterEach(() => clients.forEach((client) => client.close()));
  return async (name, inventory = {}) => {
    const { key, csr } = await makeRequest();
    const ca = api.context.authority.certificate;
    const { token } = (await api.call('POST', '/devices/tokens', {})).body;
    const request = { token, csr, name, inventory: makeInventory(inventory) };
    const joined = joinResponseSchema.parse(
      (await ask(url, { ca }, 'POST', '/device/v1/join', request)).body,
    );
    const client = new ControlClient(url, { key, ...joined });
    clients.push(client);
    return { client, deviceId: joined.deviceId };
  };
}
