import { apiUrl, readAdmin, readControlPlane } from './control.ts';
import { controlApi } from './controlApi.ts';
import { partProcess } from './device.ts';
import { deviceInit } from './deviceProcess.ts';
import { fakesProcess, runningFakes } from './fakes.ts';
import { listDevices, type JoinedDevice } from './join.ts';
import type { Lab } from './state.ts';

interface DeviceStatus {
  /** The control plane's id; null when the device has not joined, or the API does not answer. */
  id: string | null;
  name: string;
  address: string;
  /** The control plane's word for it; `unknown` when it does not know the device, or the API does not answer. */
  state: string;
  /** What runs on it, with process ids of this machine; null is what does not. A fake device has its worker only. */
  parts: { device?: number | null; dockerd?: number | null; worker: number | null };
}

/** `lab status --json`. */
export interface LabStatus {
  name: string;
  api: string;
  dashboard: string;
  temporalUi: string;
  adminEmail: string | null;
  adminPassword: string | null;
  controlAddress: string;
  clientAddress: string;
  /** Process ids of the control plane; null when it has not started. */
  controlPlane: { pid: number; parts: Record<string, number> } | null;
  devices: DeviceStatus[];
}

export async function labStatus(lab: Lab): Promise<LabStatus> {
  const [admin, control, joined] = await Promise.all([
    readAdmin(lab),
    readControlPlane(lab),
    joinedDevices(lab),
  ]);
  return {
    name: lab.name,
    api: apiUrl(lab),
    dashboard: apiUrl(lab),
    temporalUi: `http://127.0.0.1:${lab.ports.temporalUi}`,
    adminEmail: admin?.email ?? null,
    adminPassword: admin?.password ?? null,
    controlAddress: lab.addresses.control,
    clientAddress: lab.addresses.client,
    controlPlane: control === null ? null : { pid: control.pid, parts: control.parts },
    devices: [
      ...(await Promise.all(lab.devices.map((name) => deviceStatus(lab, name, joined)))),
      ...(await fakeStatus(lab, joined)),
    ],
  };
}

/** All fake devices are one process; null is that of one which was killed. */
async function fakeStatus(lab: Lab, joined: JoinedDevice[] | null): Promise<DeviceStatus[]> {
  if (lab.fakes.length === 0) return [];
  const [pid, running] = await Promise.all([fakesProcess(lab), runningFakes(lab)]);
  const records = new Map(joined?.map((record) => [record.name, record]));
  return lab.fakes.map((name) => {
    const record = records.get(name);
    return {
      id: record?.id ?? null,
      name,
      address: lab.addresses.fake(name),
      state: record?.state ?? 'unknown',
      parts: { worker: running?.[name] === true ? pid : null },
    };
  });
}

async function deviceStatus(lab: Lab, name: string, joined: JoinedDevice[] | null): Promise<DeviceStatus> {
  const record = joined?.find((device) => device.name === name);
  const [init, dockerd, worker] = await Promise.all([
    deviceInit(lab, name),
    partProcess(lab, name, 'dockerd'),
    partProcess(lab, name, 'worker'),
  ]);
  return {
    id: record?.id ?? null,
    name,
    address: lab.addresses.device(name),
    state: record?.state ?? 'unknown',
    parts: { device: init?.pid ?? null, dockerd, worker },
  };
}

/** Null when the API does not answer. */
async function joinedDevices(lab: Lab): Promise<JoinedDevice[] | null> {
  try {
    return await listDevices(await controlApi(lab));
  } catch {
    return null;
  }
}
