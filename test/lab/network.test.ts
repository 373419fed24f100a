import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../core/api/common.ts';
import { computeSchema, type ComputeView } from '../../core/api/computes.ts';
import type { PublishedPort } from '../../core/publishedPorts.ts';
import { until } from '../../core/until.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import { moveCompute } from '../../lab/demo/sampleCompute.ts';
import { importImage } from '../../lab/importImage.ts';
import { buildReachImage } from '../../lab/programs/buildReachImage.ts';
import { LineProgram } from './support/lineProgram.ts';
import { secondTenant } from './support/secondTenant.ts';
import { withOwnLab } from './support.ts';

const SOON_MS = 60_000;
const SIZE = 100_000_000;
const OUTSIDE_PORT = 9100;
const STREAM = { protocol: 'tcp', host: 19_000, compute: 9000 } as const;
const ECHO = { protocol: 'udp', host: 19_001, compute: 9001 } as const;
/** Every port on which devices and the control plane listen in a lab, and some more. */
const PORTS = [22, 80, 111, 2375, 2376, 5353, 7233, 7234, 7443, 7444, 7445, 7480, 8080, 9000, 9001, 9090];

describe('the network of computes', () => {
  const lab = withOwnLab('reach', { devices: 3 });
  const programs: LineProgram[] = [];
  let api: ControlApi;
  let other: ControlApi;
  let mine: ComputeView;
  let friend: ComputeView;
  let foreign: ComputeView;
  let outside: LineProgram;

  const start = async (file: string, ...args: (string | number)[]) => {
    const path = new URL(`support/${file}`, import.meta.url).pathname;
    const child = await lab.spawnOnClient([process.execPath, path, ...args.map(String)]);
    const program = new LineProgram(child);
    programs.push(program);
    return program;
  };
  const create = async (
    as: ControlApi,
    name: string,
    device: string,
    more: { command?: string[]; ports?: PublishedPort[] } = {},
  ) => {
    await importImage(lab.lab, as, { name, command: ['/bin/reach', 'serve'], path: await buildReachImage() });
    const accepted = await as.request('POST', '/computes', { name, image: name, device, ...more });
    const { id } = acceptedSchema.parse(accepted);
    return until(`${name} to run`, SOON_MS, async () => {
      const view = computeSchema.parse(await as.request('GET', `/computes/${id}`));
      if (view.state === 'failed') throw new Error(`${view.reason} ${JSON.stringify(view.causes)}`);
      return view.state === 'running' ? view : false;
    });
  };
  const where = async (view: ComputeView, as: ControlApi) =>
    computeSchema.parse(await as.request('GET', `/computes/${view.id}`)).device.name;
  /** What is not silent of these, from inside a compute. */
  const scan = async (view: ComputeView, probes: string[], as = api) => {
    const command = ['docker', 'exec', `drayage-${view.id}`, '/bin/reach', 'scan', ...probes];
    return (await lab.exec(await where(view, as), command)).stdout.trim().split('\n').filter(Boolean);
  };
  const probesOf = (ip: string) => PORTS.flatMap((port) => [`tcp:${ip}:${port}`, `udp:${ip}:${port}`]);
  const device = (name: string) => lab.lab.addresses.device(name);
  const heard = async () => {
    outside.say('tell');
    return JSON.parse(await outside.next()) as Record<'connections' | 'open' | 'lines' | 'gaps', number> & {
      peer: string;
    };
  };
  const move = async (view: ComputeView, target: string) =>
    expect(await moveCompute(api, view.id, target)).toMatchObject({ state: 'succeeded' });

  beforeAll(async () => {
    api = await lab.api();
    other = await secondTenant(lab);
    outside = await start('echoServer.ts', lab.lab.addresses.outside, OUTSIDE_PORT);
    expect(await outside.next()).toBe('listening');
    const command = ['/bin/reach', 'serve', lab.lab.addresses.outside, String(OUTSIDE_PORT)];
    mine = await create(api, 'mine', 'd1', { command, ports: [STREAM, ECHO] });
    friend = await create(api, 'friend', 'd2');
    foreign = await create(other, 'foreign', 'd1');
  }, 900_000);
  afterAll(() => Promise.all(programs.map((program) => program.end())));

  it('leads a published port of every device to the compute, whatever the protocol', async () => {
    expect(mine.ports).toEqual([STREAM, ECHO]);
    const ask = (name: string) => `require('node:dgram').createSocket('udp4').on('message', (m) => {
      console.log(String(m)); process.exit(); }).send('${name}', ${ECHO.host}, '${device(name)}');
      setTimeout(() => process.exit(1), 1000)`;
    for (const name of lab.lab.devices) {
      const answered = () =>
        lab.client([process.execPath, '-e', ask(name)], { allowFailure: true }).then(({ stdout }) => stdout);
      await until(`${name} to forward`, SOON_MS, async () => (await answered()).trim() === name);
    }
  });

  it('keeps a download through a third device, and one through source and target, over two moves', async () => {
    const over = ['d3', 'd1', 'd2'];
    const downloads = await Promise.all(
      over.map((name) => start('downloadClient.ts', device(name), STREAM.host, SIZE)),
    );
    for (const download of downloads) expect(await download.next()).toBe('begun');
    await move(mine, 'd2');
    await move(mine, 'd1');
    for (const download of downloads) download.say('fast');
    const ends = await Promise.all(downloads.map((download) => download.next()));
    expect(ends.map((end) => JSON.parse(end) as unknown)).toEqual(
      over.map(() => ({ bytes: SIZE, wrong: 0 })),
    );
  });

  it('lets a compute out by the device that it is on, and keeps what it opened over moves', async () => {
    const before = await heard();
    expect(before).toMatchObject({ connections: 1, open: 1, gaps: 0, peer: device('d1') });
    await until('more to come', SOON_MS, async () => (await heard()).lines > before.lines + 10);
    // From device to device, and back to where it began.
    for (const target of ['d2', 'd3', 'd1']) {
      await move(mine, target);
      const { lines } = await heard();
      await until(`more to come on ${target}`, SOON_MS, async () => (await heard()).lines > lines + 10);
    }
    expect(await heard()).toMatchObject({ connections: 1, open: 1, gaps: 0 });
  });

  it('has nothing for a compute to find but its own tenant, hosts beside the devices and what is published', async () => {
    const devices = lab.lab.devices.map(device);
    const closed = [foreign.ip, lab.lab.addresses.control, lab.lab.addresses.gateway, ...devices].flatMap(
      probesOf,
    );
    for (const view of [mine, friend]) expect(await scan(view, closed)).toEqual([]);
    const published = devices.flatMap((ip) => [`tcp:${ip}:${STREAM.host}`, `udp:${ip}:${ECHO.host}`]);
    const open = [...published, `tcp:${friend.ip}:9000`, `tcp:${lab.lab.addresses.outside}:${OUTSIDE_PORT}`];
    expect((await scan(mine, open)).sort()).toEqual(open.map((probe) => `${probe} answers`).sort());
    expect((await scan(foreign, published, other)).sort()).toEqual(
      published.map((one) => `${one} answers`).sort(),
    );
    expect(
      await scan(foreign, [`tcp:${mine.ip}:9000`, `udp:${mine.ip}:9001`, 'udp:224.0.0.251:5353'], other),
    ).toEqual([]);
  });

  it('takes no other address from a compute than its own', async () => {
    const { stdout } = await lab.exec('d1', [
      'docker',
      'inspect',
      '--format',
      '{{.State.Pid}}',
      `drayage-${foreign.id}`,
    ]);
    const inside = (...words: string[]) =>
      lab.exec('d1', ['nsenter', `--net=/proc/${stdout.trim()}/ns/net`, ...words], { allowFailure: true });
    const neighbour = async () =>
      (await lab.client(['ip', '-o', 'neigh', 'show', mine.ip])).stdout.match(/lladdr (\S+)/)?.[1];
    await lab.client([process.execPath, '-e', `require('node:net').connect(9000, '${mine.ip}').end()`]);
    expect(await neighbour()).toBe(mine.mac);
    await inside('ip', 'addr', 'add', `${mine.ip}/32`, 'dev', 'eth0');
    await inside('arping', '-c', '2', '-w', '2', '-U', '-I', 'eth0', mine.ip);
    expect(await neighbour()).toBe(mine.mac);
    const stolen = await inside('ping', '-c', '1', '-W', '1', '-I', mine.ip, lab.lab.addresses.client);
    expect(stolen.code).not.toBe(0);
    await inside('ip', 'addr', 'del', `${mine.ip}/32`, 'dev', 'eth0');
    expect((await inside('ping', '-c', '1', '-W', '2', lab.lab.addresses.client)).code).toBe(0);
  });

  it('has the same rules after its device was started again', async () => {
    const told = ['table ip drayage', 'map bridge drayage tenant', 'set bridge drayage barred'];
    const tables = told.map((what) => `nft list ${what}`).join('; ');
    // The kernel lists what is in a set in no order.
    const rules = async () =>
      (await lab.exec('d3', ['sh', '-c', tables], { allowFailure: true })).stdout
        .split(/[\s,]+/)
        .sort()
        .join(' ');
    const before = await rules();
    expect(before).toContain(String(STREAM.host));
    await lab.kill('d3');
    await lab.start('d3');
    await until('the rules to stand again', SOON_MS, async () => (await rules()) === before);
  });
});
