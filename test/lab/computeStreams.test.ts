import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { apiUrl } from '../../lab/control.ts';
import { importImage } from '../../lab/importImage.ts';
import { buildKindsImage } from '../../lab/programs/buildKindsImage.ts';
import { runCli } from './cliProgram.ts';
import { ComputeScene, END_MS } from './computeScene.ts';
import { SOON_MS } from './labFaults.ts';
import { patient } from './patience.ts';
import { withLab } from './support.ts';
import { memoryLimit } from './support/cgroupLimits.ts';
import { ExecClient } from './support/execClient.ts';
import { LogFollower } from './support/logFollower.ts';

const MIB = 2 ** 20;
const LONG_MS = patient(240_000);
const IMAGE = 'streams';
/** Writes to both of its outputs, so that the streams of its log are told apart. */
const COUNT =
  'trap exit TERM; i=0; while :; do i=$((i+1)); echo "line $i"; [ $((i % 7)) = 0 ] && echo "seven $i" >&2; sleep 0.05; done';

describe('a compute that is read from, run in, checked and changed, over moves', () => {
  const lab = withLab();
  const scene = new ComputeScene(lab);
  let log: LogFollower;
  const sessions: ExecClient[] = [];
  const exec = async (command: string[], tty = false) => {
    const session = await ExecClient.start(lab, scene.compute.id, command, tty);
    sessions.push(session);
    return session;
  };

  beforeAll(async () => {
    const path = await buildKindsImage();
    await importImage(lab.lab, await lab.api(), { name: IMAGE, path, command: ['/bin/sh'] });
    await scene.create({
      ...{ name: 'streams', image: IMAGE, command: ['/bin/sh', '-c', COUNT] },
      ...{ memoryBytes: 64 * MIB, cpus: 1, labels: { tier: 'back', kept: 'yes' } },
      tmpfs: [{ path: '/scratch', sizeBytes: 48 * MIB }],
      volumes: [{ name: 'kept', path: '/kept' }],
      healthCheck: { command: ['/bin/sh', '-c', '[ ! -e /kept/ill ]'], intervalSeconds: 1, retries: 2 },
    });
    log = await LogFollower.start(lab, scene.compute.id, {});
    await log.more(5);
  }, LONG_MS);

  afterAll(async () => {
    for (const session of sessions) session.close();
    log.close();
    await scene.remove();
    await (await lab.api()).request('DELETE', `/images/${IMAGE}`);
  }, 2 * END_MS);

  const run = async (script: string): Promise<string> => {
    const session = await exec(['/bin/sh', '-c', script]);
    const { said } = await session.ended;
    expect(said).toEqual([{ exit: 0 }]);
    return session.output.trim();
  };
  /** It has children of its own, each of which bears the marker. */
  const untilOn = (device: string) =>
    until(`it to be on ${device} alone`, SOON_MS, async () => {
      const copies = await scene.copies();
      const { state, device: placed } = await scene.show();
      const there = copies.length > 0 && copies.every((copy) => copy.device === device && !copy.frozen);
      return there && state === 'running' && placed.name === device;
    });
  const untilHealth = (state: string) =>
    until(`it to be ${state}`, SOON_MS, async () => (await scene.show()).health?.state === state, 100);

  test(
    'limits, labels and policy are changed as it runs; what would end it is refused and changes nothing',
    async () => {
      expect(await memoryLimit(lab.lab, scene.marker)).toBe(64 * MIB);
      const words = ['--memory', '96m', '--cpus', '0.5', '--label', 'tier=front', '--restart', 'on-failure'];
      const changed = await runCli(lab, 'compute', 'update', 'streams', ...words, '--json');
      expect(changed).toMatchObject({ code: 0 });
      const wanted = { memoryBytes: 96 * MIB, cpus: 0.5, labels: { tier: 'front', kept: 'yes' } };
      expect(await scene.show()).toMatchObject({ ...wanted, lastUpdate: { state: 'applied', causes: [] } });
      expect(await memoryLimit(lab.lab, scene.marker)).toBe(96 * MIB);
      const seen = async () => (await scene.show()).observed.limits?.memoryBytes === 96 * MIB;
      await until('the device to tell it', SOON_MS, seen, 100);

      await run('head -c 33554432 /dev/zero > /scratch/much');
      const refused = await runCli(lab, 'compute', 'update', 'streams', '--memory', '16m');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('Give it more than it uses');
      expect(await scene.show()).toMatchObject({
        ...wanted,
        lastUpdate: { state: 'refused', causes: [{ code: 'memoryInUse' }] },
      });
      expect(await memoryLimit(lab.lab, scene.marker)).toBe(96 * MIB);
      await run('rm /scratch/much');
      await untilHealth('healthy');
    },
    LONG_MS,
  );

  test(
    'an open session refuses a move with its mend, or is ended by it with a reason; nobody is let in meanwhile',
    async () => {
      const shell = await exec(['/bin/sh'], true);
      shell.resize(77, 33);
      shell.type('busybox stty size; sleep 1000 & echo started\n');
      await shell.says('33 77');
      await shell.says('started\r\n');

      const refused = await scene.ended(await scene.start());
      expect(refused).toMatchObject({ state: 'refused', causes: [{ code: 'execOpen' }] });
      expect(refused.causes[0]?.mend).toContain('--end-sessions');

      const { faults } = scene;
      await faults.arm('d1', 'source.copying');
      const id = await scene.start('d2', { endSessions: true });
      const end = await shell.ended;
      expect(end).toMatchObject({ code: 1012, said: [{ error: { code: 'sessionEnded' } }] });
      expect(end.reason).toContain('being moved');
      await faults.reached('d1', 'source.copying');
      const early = await (await exec(['/bin/true'])).ended;
      expect(early).toMatchObject({ code: 1011, said: [{ error: { code: 'beingMoved' } }] });
      await faults.release('d1', 'source.copying');
      expect(await scene.ended(id)).toMatchObject({ state: 'succeeded' });
      await untilOn('d2');

      expect(await (await exec(['/bin/sh', '-c', 'exit 7'])).ended).toMatchObject({
        code: 1000,
        said: [{ exit: 7 }],
      });
      await scene.expectClean('d1');
    },
    LONG_MS,
  );

  test(
    'a session that is opened while a move is prepared ends when the move needs that, and it needs no option',
    async () => {
      const { faults } = scene;
      await faults.arm('d1', 'target.preparing');
      const id = await scene.start('d1');
      await faults.reached('d1', 'target.preparing');
      const shell = await exec(['/bin/sh'], true);
      shell.type('echo here\n');
      await shell.says('here\r\n');
      await faults.release('d1', 'target.preparing');
      expect(await shell.ended).toMatchObject({ code: 1012 });
      expect(await scene.ended(id)).toMatchObject({ state: 'succeeded' });
      await untilOn('d1');
    },
    LONG_MS,
  );

  test(
    'its limits are those that it was given, and its checks, which have stood in no move, go on',
    async () => {
      expect(await memoryLimit(lab.lab, scene.marker)).toBe(96 * MIB);
      const told = await runCli(lab, 'compute', 'show', 'streams');
      expect(told.stdout).toMatch(/^health +healthy/m);
      await run('echo > /kept/ill');
      await untilHealth('unhealthy');
      expect((await scene.show()).health?.reason).toContain('failed 2 times in a row');
      await run('rm /kept/ill');
      await untilHealth('healthy');
    },
    LONG_MS,
  );

  test(
    'a log that was followed over both moves has every line once, and ends with the reason',
    async () => {
      await log.more(5);
      const api = await lab.api();
      await api.request('POST', `/computes/${scene.compute.id}/stop`);
      expect(await log.ended).toBe('The compute is stopped.');
      const counts = (kind: string) =>
        log.lines.filter((line) => line.startsWith(kind)).map((line) => Number(line.slice(kind.length)));
      const lines = counts('line ');
      expect(lines.length).toBeGreaterThan(20);
      expect(lines).toEqual(lines.map((_, at) => at + 1));
      const sevens = counts('seven ');
      expect(sevens).toEqual(sevens.map((_, at) => (at + 1) * 7));
      expect(lines.length + sevens.length).toBe(log.lines.length);
    },
    LONG_MS,
  );

  test('a log is read in part, with times, and as a file', async () => {
    await until('it to stop', SOON_MS, async () => (await scene.show()).state === 'stopped', 100);
    const last = log.lines.filter((line) => line.startsWith('line ')).at(-1) ?? '';
    const { stdout } = await runCli(lab, 'compute', 'logs', 'streams', '--tail', '8', '--timestamps');
    const shown = stdout.trimEnd().split('\n');
    expect(shown.at(-1)).toMatch(new RegExp(`^\\d{4}-\\d{2}-\\d{2}T[0-9:.]+Z ${last}$`));
    expect(shown.length).toBeLessThanOrEqual(8);
    const since = shown.at(-3)?.split(' ')[0] ?? '';
    const later = await runCli(lab, 'compute', 'logs', 'streams', '--since', since);
    expect(later.stdout.trimEnd().split('\n').at(-1)).toBe(last);
    expect(later.stdout.split('\n').length).toBeLessThan(12);
    expect((await runCli(lab, 'compute', 'logs', 'streams', '--since', 'yesterday')).code).toBe(2);

    const { token } = await lab.api();
    const path = `/api/v1/computes/${scene.compute.id}/logs?download=1`;
    const file = await fetch(`${apiUrl(lab.lab)}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="streams.log"');
    expect(file.headers.get('content-type')).toContain('text/plain');
    const text = (await file.text()).trimEnd().split('\n');
    expect(text).toHaveLength(log.lines.length);
    expect(text.filter((line) => line.startsWith('line '))).toEqual(
      log.lines.filter((line) => line.startsWith('line ')),
    );
  });

  test(
    'started again it has what it was given',
    async () => {
      expect(await runCli(lab, 'compute', 'start', 'streams')).toMatchObject({ code: 0 });
      expect(await memoryLimit(lab.lab, scene.marker)).toBe(96 * MIB);
      await untilHealth('healthy');
    },
    LONG_MS,
  );
});
