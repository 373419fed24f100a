import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { inCgroup } from './deviceProcess.ts';
import { killCgroup, processesIn, signal } from './machine/cgroup.ts';
import { commandLine } from './machine/processes.ts';
import { until } from '../core/until.ts';
import { checkoutOf, type Lab } from './state.ts';
import { cgroupOf, CONTROL_PORT } from './topology.ts';

/** PostgreSQL's first start makes its files; seen: 4 s in all on two busy cores. */
const START_TIMEOUT_MS = 120_000;
/** The same while guests boot, who take the machine's processors. */
const START_BESIDE_GUESTS_MS = 1_800_000;
/** From its start to being seen in its cgroup, milliseconds. */
const COME_UP_MS = 30_000;
/** A control plane that does not end by itself within this is killed, milliseconds. */
const STOP_TIMEOUT_MS = 15_000;
const PROGRAM = 'workers/control-plane.ts';

/** What the control plane writes of itself to DRAYAGE_DATA_DIR/control-plane.json. */
const controlPlaneFileSchema = z.object({
  pid: z.number(),
  /** All parts have been ready since the start. */
  ready: z.boolean(),
  api: z.string(),
  deviceApi: z.string(),
  temporal: z.string(),
  temporalUi: z.string().nullable(),
  parts: z.record(z.string(), z.number()),
});
export type ControlPlaneFile = z.infer<typeof controlPlaneFileSchema>;

const adminSchema = z.object({ email: z.string(), password: z.string() });

/** Address of the user API on this machine. */
export function apiUrl(lab: Lab): string {
  return `http://127.0.0.1:${lab.ports.api}`;
}

/** Starts the control plane unless it runs, and waits until it is ready. */
export async function startControlPlane(lab: Lab): Promise<void> {
  if ((await controlPlaneProcess(lab.name)) === null) await launch(lab);
  const timeoutMs = lab.settings.guests === null ? START_TIMEOUT_MS : START_BESIDE_GUESTS_MS;
  await until('the control plane to be ready', timeoutMs, async () => {
    if ((await readControlPlane(lab))?.ready === true && (await isReady(lab))) return true;
    if ((await controlPlaneProcess(lab.name)) === null) throw await didNotStart(lab);
    return false;
  });
}

/** Ends the control plane in order; kills what is left of it after a while. */
export async function stopControlPlane(name: string): Promise<void> {
  const pid = await controlPlaneProcess(name);
  const cgroup = `${cgroupOf(name)}/control`;
  if (pid !== null) {
    signal(pid, 'SIGTERM');
    const ended = async () => (await processesIn(cgroup)).length === 0;
    await until('the control plane to end', STOP_TIMEOUT_MS, ended).catch(() => {});
  }
  await killCgroup(cgroup);
}

/** What the control plane says of itself; null when it has not got that far. */
export async function readControlPlane(lab: Lab): Promise<ControlPlaneFile | null> {
  const text = await readFile(join(lab.paths.controlData, 'control-plane.json'), 'utf8').catch(() => null);
  return text === null ? null : controlPlaneFileSchema.parse(JSON.parse(text));
}

/** The admin account made at the first start; null before it. */
export async function readAdmin(lab: Lab): Promise<{ email: string; password: string } | null> {
  const text = await readFile(join(lab.paths.controlData, 'admin.json'), 'utf8').catch(() => null);
  return text === null ? null : adminSchema.parse(JSON.parse(text));
}

/** Process id of the lab's control plane (its supervisor); null when it does not run. */
async function controlPlaneProcess(name: string): Promise<number | null> {
  for (const pid of await processesIn(`${cgroupOf(name)}/control`)) {
    if ((await commandLine(pid))[1]?.endsWith(PROGRAM) === true) return pid;
  }
  return null;
}

async function launch(lab: Lab): Promise<void> {
  await mkdir(lab.paths.controlData, { recursive: true, mode: 0o700 });
  const checkout = checkoutOf(lab, CONTROL_PORT);
  const program = join(checkout, PROGRAM);
  const [file, ...args] = await inCgroup(`${lab.names.cgroup}/control`, [process.execPath, program]);
  const log = await open(lab.paths.controlLog, 'a');
  const child = spawn(file, args, {
    cwd: checkout,
    env: { ...process.env, ...environment(lab) },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  await log.close();
  await until('the control plane to come up', COME_UP_MS, async () => {
    if (child.exitCode !== null) throw await didNotStart(lab);
    return (await controlPlaneProcess(lab.name)) !== null;
  });
}

/** Where a registry may be beside the lab's control plane, without TLS. */
export const REGISTRY_PORT = 5080;

/** Settings of the control plane. A database or a Temporal server from outside would not be this lab's own. */
function environment(lab: Lab): NodeJS.ProcessEnv {
  const { control, subnet, computes, gateway } = lab.addresses;
  return {
    DATABASE_URL: undefined,
    TEMPORAL_ADDRESS: undefined,
    DRAYAGE_DATA_DIR: lab.paths.controlData,
    DRAYAGE_API_LISTEN: `127.0.0.1:${lab.ports.api}`,
    DRAYAGE_DEVICE_LISTEN: `${control}:7443`,
    DRAYAGE_ADVERTISE_HOST: control,
    DRAYAGE_DEVICE_TEMPORAL_ADDRESS: `${control}:7233`,
    DRAYAGE_POSTGRES_PORT: String(lab.ports.postgres),
    DRAYAGE_TEMPORAL_LISTEN: `127.0.0.1:${lab.ports.temporal}`,
    DRAYAGE_DEVICE_TEMPORAL_LISTEN: `${control}:7233`,
    DRAYAGE_TEMPORAL_UI_LISTEN: `127.0.0.1:${lab.ports.temporalUi}`,
    DRAYAGE_REGISTRIES: `http://${control}:${String(REGISTRY_PORT)}`,
    DRAYAGE_COMPUTE_SUBNET: subnet,
    DRAYAGE_COMPUTE_RANGE: computes,
    DRAYAGE_COMPUTE_GATEWAY: gateway,
  };
}

async function isReady(lab: Lab): Promise<boolean> {
  const answer = await fetch(`${apiUrl(lab)}/readyz`).catch(() => null);
  await answer?.body?.cancel();
  return answer?.ok === true;
}

async function didNotStart(lab: Lab): Promise<DrayageError> {
  const log = await readFile(lab.paths.controlLog, 'utf8').catch(() => '');
  return new DrayageError({
    code: 'controlPlaneDidNotStart',
    message: `The control plane did not start: ${log.trim().slice(-3_000)}`,
    mend: '',
  });
}
