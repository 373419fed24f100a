import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { faultsSchema } from './faults.ts';
import { guestArchitectureSchema } from './guest/architecture.ts';
import { addresses, labNameSchema, names } from './topology.ts';

const labSettingsSchema = z.object({
  /** Each device's link, megabits per second in each direction; null is unshaped. */
  linkMbit: z.number().positive().nullable(),
  /** Round-trip time between any two hosts, milliseconds; null is none added. */
  rttMs: z.number().positive().nullable(),
  diskGb: z.number().positive(),
  /** Whether `up` joins the devices by token and approves them; else they find the control plane by themselves. */
  join: z.boolean(),
  /** Whether devices have a node worker; without a control plane there is nothing for it to do. */
  workers: z.boolean().default(true),
  /** Processor of devices that are guests of QEMU; null is devices made of this machine's namespaces. */
  guests: guestArchitectureSchema.nullable().default(null),
});
export type LabSettings = z.infer<typeof labSettingsSchema>;

const recordSchema = z.object({
  name: labNameSchema,
  /** Second byte of the lab's subnet. */
  subnet: z.number().int(),
  /** `starting` is also what a crash of `up` leaves. */
  phase: z.enum(['starting', 'up']),
  devices: z.array(z.string()),
  /** Devices that do not exist: their workers do, all in one process. */
  fakes: z.array(z.string()).default([]),
  settings: labSettingsSchema,
  /** Ports on 127.0.0.1; what devices use is on the control address, with its default ports. */
  ports: z.object({ api: z.number(), postgres: z.number(), temporal: z.number(), temporalUi: z.number() }),
  faults: faultsSchema,
  /** Root of the checkout that all of the lab runs. */
  checkout: z.string(),
  /** What runs another one: devices by name, and `control`. */
  checkouts: z.record(z.string(), z.string()).default({}),
  /** The devices' read-only lower file system; of guests the folder of what they boot from. */
  rootfs: z.string(),
  /** Guests' disk of npm packages; null where devices see the checkout's own. */
  packagesDisk: z.string().nullable().default(null),
});
export type LabRecord = z.infer<typeof recordSchema>;

/** A lab's record with what follows from it. */
export interface Lab extends LabRecord {
  names: ReturnType<typeof names>;
  addresses: ReturnType<typeof addresses>;
  paths: ReturnType<typeof paths>;
}

/** Folder of all labs of this machine. */
export const LABS_DIRECTORY = '/var/lib/drayage-lab';

export function paths(lab: string) {
  const root = join(LABS_DIRECTORY, lab);
  return {
    root,
    record: join(root, 'lab.json'),
    /** DRAYAGE_DATA_DIR of the lab's control plane. */
    controlData: join(root, 'control'),
    controlLog: join(root, 'control-plane.log'),
    fakes: join(root, 'fakes'),
    fakesLog: join(root, 'fakes.log'),
    device: (device: string) => join(root, 'devices', device),
    /** Where this machine sees a guest's files; of other devices an empty folder that their file system is built on. */
    deviceRoot: (device: string) => join(root, 'devices', device, 'root'),
    disk: (device: string) => join(root, 'devices', device, 'disk.img'),
    boot: (device: string) => join(root, 'devices', device, 'boot.json'),
    bootLog: (device: string) => join(root, 'devices', device, 'boot.log'),
  };
}

export function toLab(record: LabRecord): Lab {
  return {
    ...record,
    names: names(record.name, record.subnet),
    addresses: addresses(record.subnet),
    paths: paths(record.name),
  };
}

/** Root of the checkout that a device, or `control`, runs. */
export function checkoutOf(lab: Lab, host: string): string {
  return lab.checkouts[host] ?? lab.checkout;
}

/** Null when there is no such lab, or its record was never written whole. */
export async function readLab(name: string): Promise<Lab | null> {
  const text = await readFile(paths(name).record, 'utf8').catch(() => null);
  if (text === null) return null;
  const record = recordSchema.safeParse(parseJson(text));
  return record.success ? toLab(record.data) : null;
}

/** A lab that is up; refuses with cause and mend when it is not. */
export async function requireLab(name: string): Promise<Lab> {
  const lab = await readLab(labNameSchema.parse(name));
  if (lab?.phase === 'up') return lab;
  throw new DrayageError({
    code: 'labNotUp',
    message: `The lab '${name}' is not up.`,
    mend: `Start it with: drayage lab up${name === 'lab' ? '' : ` --name ${name}`}`,
  });
}

/** Replaces the record; a reader sees the old one or the new one. */
export async function writeLab(record: LabRecord): Promise<void> {
  const { root, record: file } = paths(record.name);
  await mkdir(root, { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(recordSchema.parse(record), null, 1));
  await rename(`${file}.new`, file);
}

export async function removeLab(name: string): Promise<void> {
  await rm(paths(name).root, { recursive: true, force: true });
}

/** Names of all labs of this machine that have left anything in the labs' folder. */
export async function listLabs(): Promise<string[]> {
  return readdir(LABS_DIRECTORY).catch(() => []);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
