import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { join } from 'node:path';
import { DrayageError } from '../core/cause.ts';
import { type FakeHold, fakeKilledSchema, fakesRunningSchema, type FakeStart } from '../core/fakeOrders.ts';
import { until } from '../core/until.ts';
import { inCgroup } from './deviceProcess.ts';
import { processesIn } from './machine/cgroup.ts';
import { commandLine } from './machine/processes.ts';
import { ip } from './machine/network.ts';
import type { Lab } from './state.ts';

const PROGRAM = 'workers/fakes.ts';
/** From its start to its first answer, milliseconds. */
const START_MS = 60_000;
/** Where every device's link listens. */
const LINK_PORT = 7444;

/** Starts the process of all fake devices unless it runs, and resolves once it takes orders. */
export async function startFakesProcess(lab: Lab): Promise<void> {
  // Every address of these networks is this machine's: hundreds of fake devices need no card each.
  await ip(
    null,
    lab.addresses.fakeNetworks.map((net) => `route replace local ${net} dev ${lab.names.controlInterface}`),
  );
  if ((await fakesProcess(lab)) === null) await launch(lab);
  await until('the fake devices to take orders', START_MS, async () => {
    if ((await runningFakes(lab)) !== null) return true;
    if ((await fakesProcess(lab)) === null) throw await didNotStart(lab);
    return false;
  });
}

/** The process of all fake devices; null when it does not run. */
export async function fakesProcess(lab: Lab): Promise<number | null> {
  for (const pid of await processesIn(`${lab.names.cgroup}/fakes`))
    if ((await commandLine(pid)).at(-1)?.endsWith(PROGRAM) === true) return pid;
  return null;
}

/** Starts a fake device unless it runs. `joinToken`: for its first start. */
export async function startFake(lab: Lab, name: string, joinToken?: string): Promise<void> {
  const start: FakeStart = {
    index: lab.fakes.indexOf(name),
    link: { host: lab.addresses.fake(name), port: LINK_PORT },
    controlUrl: `https://${lab.addresses.control}:7443`,
    joinToken,
  };
  await order(lab, 'PUT', `/${name}`, start);
}

/** Has a fake device run computes as if it had made them. */
export async function holdOnFake(lab: Lab, name: string, hold: FakeHold): Promise<void> {
  await order(lab, 'POST', `/${name}`, hold);
}

/** Ends a fake device's worker at once, or the device with all that runs on it. False when it did not run. */
export async function killFake(lab: Lab, name: string, part: 'device' | 'worker'): Promise<boolean> {
  return fakeKilledSchema.parse(await order(lab, 'DELETE', `/${name}?part=${part}`)).ran;
}

/** Which fake devices run, by name; null when nobody takes orders. */
export async function runningFakes(lab: Lab): Promise<Record<string, boolean> | null> {
  const answer = await order(lab, 'GET', '/').catch(() => null);
  return answer === null ? null : fakesRunningSchema.parse(answer);
}

async function launch(lab: Lab): Promise<void> {
  await mkdir(lab.paths.fakes, { recursive: true, mode: 0o700 });
  const program = join(lab.checkout, PROGRAM);
  const [file, ...args] = await inCgroup(`${lab.names.cgroup}/fakes`, [process.execPath, program]);
  const log = await open(lab.paths.fakesLog, 'a');
  const child = spawn(file, args, {
    cwd: lab.checkout,
    env: { ...process.env, DRAYAGE_FAKES_DIR: lab.paths.fakes },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  await log.close();
  await until('the fake devices to come up', START_MS, async () => {
    if (child.exitCode !== null) throw await didNotStart(lab);
    return (await fakesProcess(lab)) !== null;
  });
}

function order(lab: Lab, method: string, path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(lab.paths.fakes, 'orders.sock'), method, path }, (answer) => {
      json(answer).then((said) => {
        if (answer.statusCode === 200) resolve(said);
        else reject(new Error(`The fake devices refused ${method} ${path}.`));
      }, reject);
    });
    asked.once('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function didNotStart(lab: Lab): Promise<DrayageError> {
  const log = await readFile(lab.paths.fakesLog, 'utf8').catch(() => '');
  return new DrayageError({
    code: 'fakesDidNotStart',
    message: `The fake devices did not start: ${log.trim().slice(-2_000)}`,
    mend: '',
  });
}
