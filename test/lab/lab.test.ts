import { spawn } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../../core/until.ts';
import { countCensus, takeCensus } from '../../lab/census.ts';
import { deviceInit } from '../../lab/deviceProcess.ts';
import { downLab } from '../../lab/down.ts';
import { findHierarchies, processesIn } from '../../lab/machine/cgroup.ts';
import { bytesOnDisk } from '../../lab/machine/disk.ts';
import { CHECKOUT } from '../../lab/prerequisites.ts';
import { SILENT } from '../../lab/progress.ts';
import { readLab } from '../../lab/state.ts';
import { cgroupOf } from '../../lab/topology.ts';
import { upLab } from '../../lab/up.ts';
import { ownLabName, withOwnLab } from './support.ts';

const NOTHING = { namespaces: 0, mounts: 0, processes: 0, loops: 0, cgroups: 0, files: 0 };
/** Devices and network are what this file is about. */
const BARE = { control: false } as const;

describe('a lab', () => {
  const devices = withOwnLab('a', { ...BARE, devices: 2, diskGb: 3 });
  const ping = (from: string, to: string) =>
    devices
      .exec(from, ['ping', '-c', '1', '-W', '1', to], { allowFailure: true })
      .then(({ code }) => code === 0);

  it('gives every device its own engine, clocks, disk and address, on one network', async () => {
    const clocks: number[] = [];
    for (const device of ['d1', 'd2']) {
      const { stdout } = await devices.exec(device, [
        'docker',
        'info',
        '--format',
        '{{.Name}} {{.Driver}} {{.DefaultRuntime}}',
      ]);
      expect(stdout.trim()).toBe(`${device} overlay2 runc`);
      const uptime = await devices.exec(device, ['cut', '-d', ' ', '-f', '1', '/proc/uptime']);
      clocks.push(Number(uptime.stdout));
      const size = await devices.exec(device, ['df', '--output=size', '-BG', '/var/lib/docker']);
      expect(size.stdout).toMatch(/\b3G/);
    }
    expect(Math.abs(clocks[1]! - clocks[0]!)).toBeGreaterThan(100_000);
    expect(await ping('d1', 'd2')).toBe(true);
    expect(await ping('d2', devices.lab.addresses.control)).toBe(true);
    const fromClient = await devices.client([
      'busybox',
      'ping',
      '-c',
      '1',
      devices.lab.addresses.device('d1'),
    ]);
    expect(fromClient.stdout).toContain('1 packets received');
  });

  it('takes room on the disk only for what is written', async () => {
    const disk = devices.lab.paths.disk('d1');
    expect((await stat(disk)).size).toBe(3 * 1024 ** 3);
    expect(await bytesOnDisk(disk)).toBeLessThan(400 * 1024 ** 2);
  });

  it('shows the checkout to devices, read-only', async () => {
    const { code } = await devices.exec('d1', ['touch', '/opt/drayage/x'], { allowFailure: true });
    expect(code).not.toBe(0);
    const node = await devices.exec('d1', ['/opt/drayage/node_modules/node/bin/node', '--version']);
    expect(node.stdout.trim()).toBe(process.version);
  });

  it('is left as it is by a second up', async () => {
    const before = await deviceInit(devices.lab, 'd1');
    const second = await upLab(devices.lab.name, { ...BARE, devices: 5 }, SILENT);
    expect(second.already).toBe(true);
    expect(second.lab.devices).toEqual(['d1', 'd2']);
    expect(await deviceInit(devices.lab, 'd1')).toEqual(before);
  });

  it('cuts one cable and no other, and heals it', async () => {
    await devices.cut('d1', 'd2');
    expect(await ping('d1', 'd2')).toBe(false);
    expect(await ping('d1', devices.lab.addresses.control)).toBe(true);
    await devices.cut('d1', 'control');
    expect(await ping('d1', devices.lab.addresses.control)).toBe(false);
    await devices.heal();
    expect(await ping('d1', 'd2')).toBe(true);
    expect(await ping('d1', devices.lab.addresses.control)).toBe(true);
  });

  it('loses the share of frames that it is asked to', async () => {
    await devices.lose('d1', 'd2', 100);
    expect(await ping('d2', 'd1')).toBe(false);
    await devices.lose('d1', 'd2', 0);
    expect(await ping('d2', 'd1')).toBe(true);
  });

  it('starts dockerd again after it was killed, with the device as it was', async () => {
    const init = await deviceInit(devices.lab, 'd2');
    expect(await devices.kill('d2', 'dockerd')).toBe(true);
    expect((await devices.exec('d2', ['docker', 'ps'], { allowFailure: true })).code).not.toBe(0);
    await devices.start('d2');
    expect((await devices.exec('d2', ['docker', 'ps'])).code).toBe(0);
    expect(await deviceInit(devices.lab, 'd2')).toEqual(init);
  });

  it('keeps the disk and nothing else of a device that lost its power', async () => {
    await devices.exec('d2', [
      'sh',
      '-c',
      'echo kept > /var/lib/drayage/a; echo lost > /run/b; echo lost > /dev/shm/c',
    ]);
    expect(await devices.kill('d2')).toBe(true);
    expect(await devices.kill('d2')).toBe(false);
    expect(await ping('d1', 'd2')).toBe(false);
    await devices.start('d2');
    expect(await ping('d1', 'd2')).toBe(true);
    const { stdout } = await devices.exec('d2', [
      'sh',
      '-c',
      'cat /var/lib/drayage/a /run/b /dev/shm/c 2>/dev/null; true',
    ]);
    expect(stdout).toBe('kept\n');
    expect((await devices.exec('d2', ['docker', 'ps'])).code).toBe(0);
  });

  it('ends a device that has a frozen process', async () => {
    await freezeSomethingOn('d2');
    expect(await devices.kill('d2')).toBe(true);
    await devices.start('d2');
    expect((await devices.exec('d2', ['docker', 'ps'])).code).toBe(0);
  });

  it('reaps what programs on it leave behind', async () => {
    await devices.exec('d1', ['sh', '-c', '(true & exec true) & sleep 0.1']);
    const { stdout } = await devices.exec('d1', ['ps', '-eo', 'stat=']);
    expect(stdout).not.toMatch(/^Z/m);
  });

  it('refuses what it does not have, with a mend', async () => {
    await expect(devices.cut('d1', 'd9')).rejects.toThrow(/no device 'd9'.*d1, d2/);
    await expect(devices.cut('d1', 'd1')).rejects.toThrow(/no cable to itself/);
    await expect(devices.exec('d3', ['true'])).rejects.toThrow(/no device 'd3'/);
  });

  it('runs beside another lab, on another network and other ports', async () => {
    const { lab } = await upLab(ownLabName('b'), { ...BARE, devices: 1 }, SILENT);
    try {
      expect(lab.subnet).not.toBe(devices.lab.subnet);
      expect(lab.ports.api).not.toBe(devices.lab.ports.api);
      expect(await ping('d1', lab.addresses.device('d1'))).toBe(false);
    } finally {
      await downLab(lab.name, SILENT);
    }
    expect(await ping('d1', 'd2')).toBe(true);
  });

  /** A process in a cgroup of its own below the device's, as an engine's containers are, frozen. */
  async function freezeSomethingOn(device: string): Promise<void> {
    const { tracking } = await findHierarchies();
    const path = `${devices.lab.names.cgroup}/${device}/frozen`;
    const script = `mkdir -p $0; echo $$ > $0/cgroup.procs; exec setsid sleep 1000 > /dev/null 2>&1 < /dev/null`;
    await devices.exec(device, [
      'sh',
      '-c',
      `sh -c '${script}' ${join(tracking, path)} > /dev/null 2>&1 < /dev/null &`,
    ]);
    await until('the process to be in its cgroup', 5_000, async () => (await processesIn(path)).length > 0);
    const isVersion1 = (await readdir(join(tracking, path))).includes('freezer.state');
    if (isVersion1) await writeFile(join(tracking, path, 'freezer.state'), 'FROZEN');
    else await writeFile(join(tracking, path, 'cgroup.freeze'), '1');
  }
});

describe('the end of a lab', () => {
  it('leaves nothing', async () => {
    const name = ownLabName('c');
    await upLab(name, { ...BARE, devices: 3, linkMbit: 100 }, SILENT);
    expect(countCensus(await takeCensus(name)).namespaces).toBe(5);
    expect(await downLab(name, SILENT)).toBe(true);
    expect(countCensus(await takeCensus(name))).toEqual(NOTHING);
    expect(await downLab(name, SILENT)).toBe(false);
  });

  it.each([0.15, 0.3, 0.45, 0.8])('leaves nothing when `up` was killed after %f s', async (seconds) => {
    const name = ownLabName('d');
    const up = startUp(name);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    await up.kill();
    await downLab(name, SILENT);
    expect(countCensus(await takeCensus(name))).toEqual(NOTHING);
  });

  it('is not needed before an up that follows a killed one', async () => {
    const name = ownLabName('e');
    const up = startUp(name);
    await until(
      'the first device to boot',
      20_000,
      async () => (await processesIn(cgroupOf(name))).length > 0,
    );
    await up.kill();
    const { lab, already } = await upLab(name, { ...BARE, devices: 1 }, SILENT);
    expect(already).toBe(false);
    expect(lab.devices).toEqual(['d1']);
    await downLab(name, SILENT);
    expect(countCensus(await takeCensus(name))).toEqual(NOTHING);
  });

  it('comes by itself when `up` cannot be done', async () => {
    const name = ownLabName('f');
    const aborted = new AbortController();
    aborted.abort(new Error('enough'));
    await expect(upLab(name, BARE, SILENT, aborted.signal)).rejects.toThrow('enough');
    expect(await readLab(name)).toBeNull();
    expect(countCensus(await takeCensus(name))).toEqual(NOTHING);
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(name);
  });

  /** `up` in a process of its own, so that it can be killed. */
  function startUp(name: string) {
    const program = `import { upLab } from '${CHECKOUT}/lab/up.ts'; import { SILENT } from '${CHECKOUT}/lab/progress.ts';
      await upLab('${name}', { control: false, devices: 2 }, SILENT);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: 'ignore',
    });
    const closed = new Promise((resolve) => child.once('close', resolve));
    return { kill: () => (child.kill('SIGKILL'), closed) };
  }
});
