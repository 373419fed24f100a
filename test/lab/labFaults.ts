import { access, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../core/until.ts';
import type { Failpoint } from '../../device/failpoints.ts';
import { apiUrl, readControlPlane } from '../../lab/control.ts';
import { partProcess, signalPart, WORKER_LOG } from '../../lab/device.ts';
import { fileOnDevice } from '../../lab/deviceProcess.ts';
import { listDevices } from '../../lab/join.ts';
import { signal } from '../../lab/machine/cgroup.ts';
import { patient } from './patience.ts';
import type { TestLab } from './support.ts';

const FAILPOINTS_DIRECTORY = '/run/drayage/failpoints';
/** From an event to what follows from it on a machine that others use too, milliseconds. */
export const SOON_MS = patient(60_000);

/** Faults in a shared lab's devices and control plane, and the mending of them. */
export class LabFaults {
  readonly #lab: TestLab;
  /** Each device's worker when a failpoint was armed last. */
  readonly #armed = new Map<string, number | null>();

  constructor(lab: TestLab) {
    this.#lab = lab;
  }

  /** Arms a failpoint for the transfers that are armed from now on. */
  async arm(device: string, point: Failpoint, action: 'pause' | 'kill' = 'pause'): Promise<void> {
    const directory = await this.#file(device, FAILPOINTS_DIRECTORY);
    await mkdir(directory, { recursive: true });
    await rm(join(directory, `${point}.reached`), { force: true });
    this.#armed.set(device, await partProcess(this.#lab.lab, device, 'worker'));
    await writeFile(join(directory, point), action);
  }

  /** Resolves when a transfer has come to the failpoint. */
  async reached(device: string, point: Failpoint): Promise<void> {
    const mark = await this.#file(device, `${FAILPOINTS_DIRECTORY}/${point}.reached`);
    await until(`${device} to reach ${point}`, SOON_MS, () => exists(mark));
  }

  /** Lets a transfer that waits at the failpoint go on. */
  async release(device: string, point: Failpoint): Promise<void> {
    await rm(await this.#file(device, `${FAILPOINTS_DIRECTORY}/${point}`), { force: true });
  }

  async signalWorker(device: string, name: NodeJS.Signals): Promise<void> {
    await signalPart(this.#lab.lab, device, 'worker', name);
  }

  /** Resolves when the worker, which a failpoint kills, is gone; then starts another, unless systemd has. */
  async restartKilledWorker(device: string): Promise<void> {
    const armed = this.#armed.get(device) ?? null;
    const gone = async () => {
      const now = await partProcess(this.#lab.lab, device, 'worker');
      return now === null || now !== armed;
    };
    await until(`the worker of ${device} to die`, SOON_MS, gone);
    await this.#lab.start(device);
  }

  /** SIGKILL for parts of the control plane, and nothing else: its supervisor starts them again. */
  async killControlParts(names: string[]): Promise<void> {
    const before = await this.#controlParts();
    for (const name of names) signal(before[name] ?? 0, 'SIGKILL');
    await until('the killed parts to be replaced', SOON_MS, async () => {
      const now = await this.#controlParts();
      return names.every((name) => now[name] !== undefined && now[name] !== before[name]);
    });
  }

  /** Lines of the worker's log of a device, as objects, in which all of `fields` are as given. */
  async logged(device: string, fields: Record<string, unknown>): Promise<Record<string, unknown>[]> {
    const text = await readFile(await this.#file(device, WORKER_LOG), 'utf8');
    const lines = text.split('\n').flatMap((line) => {
      // The worker may be in the middle of the last one; and other programs' words are in there too.
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
    return lines.filter((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
  }

  async untilLogged(device: string, fields: Record<string, unknown>): Promise<void> {
    const what = `${device} to log ${JSON.stringify(fields)}`;
    await until(what, SOON_MS, async () => (await this.logged(device, fields)).length > 0, 100);
  }

  /** Writes over the middle of an image file of a transfer that has arrived. */
  async damageImage(device: string, transfer: string, compute: string, name: RegExp): Promise<void> {
    const directory = await this.#file(device, `/run/drayage/images/${transfer}/${compute}/images`);
    const file = (await readdir(directory)).find((entry) => name.test(entry));
    if (file === undefined) throw new Error(`no image like ${name.source}`);
    const { length } = await readFile(join(directory, file));
    await writeFile(join(directory, file), Buffer.alloc(length, 0xa5));
  }

  /** Names of what is below a directory of a device; none when there is no such directory. */
  async list(device: string, directory: string): Promise<string[]> {
    return readdir(await this.#file(device, directory)).catch(() => []);
  }

  /** Brings everything back: cables, failpoints, workers, control plane. */
  async mend(): Promise<void> {
    const { lab } = this.#lab;
    for (const device of lab.devices) {
      await this.signalWorker(device, 'SIGCONT');
      await rm(await this.#file(device, FAILPOINTS_DIRECTORY), { recursive: true, force: true });
    }
    await this.#lab.heal();
    for (const device of lab.devices) await this.#lab.start(device);
    await this.controlReady();
    await until('all devices to be ready', SOON_MS, async () => {
      const devices = await listDevices(await this.#lab.api());
      return devices.every(({ state }) => state === 'ready');
    });
  }

  async controlReady(): Promise<void> {
    const look = async () => (await fetch(`${apiUrl(this.#lab.lab)}/readyz`).catch(() => null))?.ok;
    await until('the control plane to be ready', SOON_MS, look, 200);
  }

  async #controlParts(): Promise<Record<string, number>> {
    return (await readControlPlane(this.#lab.lab))?.parts ?? {};
  }

  #file(device: string, path: string): Promise<string> {
    return fileOnDevice(this.#lab.lab, device, path);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
