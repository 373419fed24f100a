import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { removeCompute, setComputeState } from '../../db/computes.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { addEvent } from '../../db/events.ts';
import { addPhases, finishMigration, setMigrationState } from '../../db/migrationRecords.ts';
import { type AnswerBody, anyNumber, anyString, containing } from './support/answer.ts';
import { ADMIN, useApi } from './support/api.ts';
import { startFakeLink } from './support/fakeLink.ts';
import { makeCompute, makeDevice, makeImage, makeInventory } from './support/fixtures.ts';

const api = useApi();
const SCRIPT = fileURLToPath(new URL('../../cli/drayage.sh', import.meta.url));
let home = '';
let url = '';
let script = '';
/** In the CLI's environment. */
let session: Record<string, string> = {};

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'drayage-cli-'));
  script = join(home, 'drayage');
  await symlink(SCRIPT, script);
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${String((api.app.server.address() as AddressInfo).port)}`;
});
afterEach(async () => {
  session = {};
  await rm(home, { recursive: true, force: true });
});

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Running {
  done: Promise<Outcome>;
  interrupt(): void;
  /** Resolves when stderr holds the text. */
  says(text: string): Promise<void>;
  /** Resolves when stdout holds the text. */
  prints(text: string): Promise<void>;
}

/** Starts the CLI through a symbolic link, from another folder, with a home of its own. */
function start(words: string[], environment: Record<string, string> = {}, input = ''): Running {
  const child = spawn(script, words, {
    cwd: home,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      DRAYAGE_PASSWORD: ADMIN.password,
      ...session,
      ...environment,
    },
  });
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  const heard = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (const listen of heard) listen();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const listen of heard) listen();
  });
  const holds = (text: string, all: () => string) =>
    new Promise<void>((resolve) => {
      const listen = () => {
        if (all().includes(text)) resolve();
      };
      heard.add(listen);
      listen();
    });
  return {
    done: new Promise((resolve) => {
      child.once('close', (code) => {
        resolve({ code, stdout, stderr });
      });
    }),
    interrupt: () => child.kill('SIGINT'),
    says: (text) => holds(text, () => stderr),
    prints: (text) => holds(text, () => stdout),
  };
}

const run = (...words: string[]) => start(words).done;
const signIn = () => run('login', '--url', url, '--email', ADMIN.email);
const json = ({ stdout }: Outcome) => JSON.parse(stdout) as AnswerBody;

describe('signing in', () => {
  it('keeps a token in a file of its own for each lab; the environment wins', async () => {
    expect(await run('device', 'ls')).toMatchObject({
      code: 1,
      stderr: containing('not signed in'),
    });
    expect(await signIn()).toMatchObject({ code: 0, stdout: containing('signed in') });
    const path = join(home, '.config/drayage/config.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).not.toContain(ADMIN.password);
    expect(await run('device', 'ls')).toMatchObject({ code: 0, stdout: containing('NAME') });
    expect((await start(['device', 'ls'], { DRAYAGE_LAB: 'other' }).done).code).toBe(1);
    expect((await start(['device', 'ls'], { DRAYAGE_TOKEN: 'wrong' }).done).code).toBe(3);
    const away = await start(['device', 'ls', '--json'], { DRAYAGE_URL: 'http://127.0.0.1:1' }).done;
    expect([away.code, json(away).causes[0]?.code]).toEqual([1, 'apiAway']);
    const exec = await start(['compute', 'exec', 'web', '--', 'ls'], { DRAYAGE_URL: 'http://127.0.0.1:1' })
      .done;
    expect(exec).toMatchObject({
      code: 1,
      stderr: containing(
        'at http://127.0.0.1:1 does not answer (connect ECONNREFUSED 127.0.0.1:1).\n  Look at',
      ),
    });
    const wrong = await start(['login', '--url', url, '--email', ADMIN.email], { DRAYAGE_PASSWORD: 'wrong' })
      .done;
    expect(wrong.code).toBe(3);
  });
});

describe('commands', () => {
  beforeEach(() => {
    session = { DRAYAGE_URL: url, DRAYAGE_TOKEN: inject('templates').adminToken };
  });

  it('end with 2 on wrong use and 3 when refused, with cause and mend, or the problem document', async () => {
    await makeCompute(api.context.db, { name: 'web' });
    const cases: [string[], number, string][] = [
      [['nosuch'], 2, 'unknown command'],
      [['devise', 'ls'], 2, 'Did you mean device?'],
      [['device', 'ls', '--jsn'], 2, 'Did you mean --json?'],
      [['device', 'nosuch'], 2, 'unknown command'],
      [['compute', 'create', '--name', 'x'], 2, 'required option'],
      [['compute', 'create', '--name', 'x', '--image', 'y', '--memory', 'lots'], 2, 'must be a size'],
      [['compute', 'create', '--name', 'No!', '--image', 'y'], 2, 'lower-case letters'],
      [['migrate'], 2, 'missing required argument'],
      [['image', 'import', join(home, 'nosuch.tar'), '--name', 'x'], 2, 'no file'],
      [['compute', 'show', 'nosuch'], 3, 'There is no compute nosuch.'],
      [['migrate', 'nosuch', '--to', 'x'], 3, 'There is no compute nosuch.'],
      [['migrate', 'web', '--to', 'nosuch'], 3, 'There is no device nosuch.'],
      [['compute', 'start', 'web'], 3, 'is running'],
      [['migration', 'abort', 'mig_000000000000'], 3, 'There is no migration'],
      [['events', '--types', 'no such'], 2, 'no type of events'],
    ];
    for (const [words, code, text] of cases) {
      const outcome = await run(...words);
      expect(outcome, words.join(' ')).toMatchObject({
        code,
        stdout: '',
        stderr: containing(text),
      });
      const asJson = await run(...words, '--json');
      expect(asJson.code, words.join(' ')).toBe(code);
      expect(json(asJson)).toMatchObject({
        status: anyNumber,
        causes: [{ code: anyString, message: containing(text), mend: anyString }],
      });
    }
  }, 180_000);

  it('import, list and remove images', async () => {
    const tar = pack();
    tar.entry({ name: 'app', mode: 0o755, size: 2 }, Buffer.from('hi'));
    tar.finalize();
    const file = join(home, 'root.tar');
    await writeFile(file, await buffer(tar));
    const made = await run(
      'image',
      'import',
      file,
      '--name',
      'sample',
      '--cmd',
      '/app',
      '--cmd',
      'x',
      '--json',
    );
    expect(made.code).toBe(0);
    expect(json(made)).toMatchObject({ name: 'sample', info: { command: ['/app', 'x'] } });
    expect(json(await run('image', 'ls', '--json'))).toMatchObject({
      items: [{ name: 'sample' }],
      nextCursor: null,
    });
    expect((await run('image', 'ls')).stdout).toMatch(/^NAME +ID .*\nsample +img_/);
    await writeFile(file, 'nonsense'.repeat(1000));
    const refused = await run('image', 'import', file, '--name', 'bad', '--json');
    expect([refused.code, json(refused).causes[0]?.code]).toEqual([3, 'notATar']);
    expect((await run('image', 'rm', 'sample')).code).toBe(0);
  });

  it('wait until a compute runs, has failed, has stopped, or is gone', async () => {
    const { db } = api.context;
    await makeDevice(db, { name: 'edge' });
    await makeImage(db, 'sample');
    const creation = start([
      'compute',
      'create',
      '--name',
      'web',
      '--image',
      'sample',
      '--memory',
      '64m',
      '--json',
      '--',
      'sh',
      '-c',
      'echo --json',
    ]);
    await workflow(1);
    const [input] = api.workflows.lifecycles;
    expect(input!.spec).toMatchObject({ memoryBytes: 64 * 2 ** 20, command: ['sh', '-c', 'echo --json'] });
    await setComputeState(db, input!.spec.id, 'running');
    const made = await creation.done;
    expect([made.code, json(made).state]).toEqual([0, 'running']);

    const failing = start(['compute', 'create', '--name', 'bad', '--image', 'sample']);
    await workflow(2);
    const cause = { code: 'noStart', message: 'The program is not there.', mend: 'Mend the command.' };
    await setComputeState(db, api.workflows.lifecycles[1]!.spec.id, 'failed', {
      causes: [cause],
      reason: cause.message,
    });
    expect(await failing.done).toMatchObject({
      code: 1,
      stderr: containing('The program is not there.\n  Mend the command.'),
    });

    api.workflows.running.clear();
    const stopping = start(['compute', 'stop', 'web']);
    await workflow(3);
    await setComputeState(db, input!.spec.id, 'stopped');
    expect(await stopping.done).toMatchObject({ code: 0, stdout: 'web is stopped\n' });

    api.workflows.running.clear();
    const removing = start(['compute', 'rm', 'web']);
    await workflow(4);
    await removeCompute(db, input!.spec.id);
    expect(await removing.done).toMatchObject({ code: 0, stdout: 'web was deleted\n' });
    expect(
      (await run('compute', 'create', '--name', 'later', '--image', 'sample', '--detach')).stdout,
    ).toMatch(/^cmp_/);
  });

  /** Waits for the fake Temporal's n-th workflow of a compute. */
  async function workflow(count: number): Promise<void> {
    await expect.poll(() => api.workflows.lifecycles.length, { timeout: 10_000 }).toBe(count);
  }

  it('follow a move to its end', async () => {
    const { db } = api.context;
    await makeCompute(db, { name: 'web' });
    await makeDevice(db, { name: 'target' });
    const moving = start(['migrate', 'web', '--to', 'target', '--watch', '--json']);
    await expect.poll(() => api.workflows.migrations.length, { timeout: 10_000 }).toBe(1);
    const { migrationId } = api.workflows.migrations[0]!;
    await setMigrationState(db, migrationId, 'preparing', 'The target gets ready.');
    await moving.says('preparing: The target gets ready.');
    await addPhases(db, migrationId, [{ name: 'freeze', startedAt: '2026-01-01T00:00:00.000Z', ms: 3.5 }]);
    await moving.says('freeze  3.5 ms');
    await finishMigration(db, migrationId, {
      state: 'succeeded',
      reason: 'It runs on target.',
      frozenMs: 40,
    });
    const done = await moving.done;
    expect([done.code, json(done)]).toMatchObject([
      0,
      { id: migrationId, state: 'succeeded', frozenMs: 40, phases: [{ name: 'freeze' }] },
    ]);

    api.workflows.running.clear();
    const failing = start(['migrate', 'web']);
    await expect.poll(() => api.workflows.migrations.length, { timeout: 10_000 }).toBe(2);
    await finishMigration(db, api.workflows.migrations[1]!.migrationId, {
      state: 'rolledBack',
      reason: 'The restore failed.',
    });
    expect(await failing.done).toMatchObject({
      code: 1,
      stderr: containing('The restore failed.'),
    });

    api.workflows.running.clear();
    const refused = start(['migrate', 'web']);
    await expect.poll(() => api.workflows.migrations.length, { timeout: 10_000 }).toBe(3);
    await finishMigration(db, api.workflows.migrations[2]!.migrationId, {
      state: 'refused',
      reason: 'Its CPU lacks avx512.',
    });
    expect((await refused.done).code).toBe(3);
    expect((await run('migration', 'ls')).stdout.split('\n')).toHaveLength(5);
  });

  it('leave a move going on SIGINT, and say how to follow it; a second move is refused with its id', async () => {
    const { db } = api.context;
    await makeCompute(db, { name: 'web' });
    await makeDevice(db, { name: 'target' });
    const moving = start(['migrate', 'web', '--watch']);
    await moving.says('pending');
    const { migrationId } = api.workflows.migrations[0]!;
    const second = await run('migrate', 'web', '--json');
    expect([second.code, json(second).running.id]).toEqual([3, migrationId]);
    moving.interrupt();
    const left = await moving.done;
    expect(left).toMatchObject({
      code: 130,
      stderr: containing(`drayage migration show ${migrationId}`),
    });
    expect(json(await run('migration', 'show', migrationId, '--json')).state).toBe('pending');
    expect((await run('migration', 'abort', migrationId)).stdout).toBe('It stops.\n');
  });

  it('show logs and run commands', async () => {
    const { db, authority } = api.context;
    const device = await makeDevice(db);
    const link = await startFakeLink(authority, device.id, (_request, response) => {
      const line = (stream: string, text: string) =>
        `${JSON.stringify({ stream, data: Buffer.from(text).toString('base64') })}\n`;
      response.writeHead(200).end(line('stdout', 'out\n') + line('stderr', 'err\n'));
    });
    try {
      await heartbeat(db, device.id, makeInventory({ linkAddress: link.address }));
      await makeCompute(db, { name: 'web', deviceId: device.id });
      expect(await run('compute', 'logs', 'web')).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' });
      const executed = await start(['compute', 'exec', 'web', '--', 'cat', '-n'], {}, 'hello\n').done;
      expect(executed).toEqual({ code: 7, stdout: 'hello\n', stderr: 'cat -n' });
      expect((await run('compute', 'exec', 'nosuch', '--', 'ls')).code).toBe(3);
    } finally {
      await link.close();
    }
  });

  it('follow events, and come back by themselves when they are cut off', async () => {
    const { db } = api.context;
    const following = start(['events', '--types', 'compute.*', '--json']);
    const reading = start(['events']);
    await Promise.all([following.says('Ctrl-C'), reading.says('Ctrl-C')]);
    const happened = { type: 'compute.running', subject: 'cmp_000000000001' };
    await addEvent(db, { ...happened, message: 'first' });
    await following.prints('first');
    api.app.server.closeAllConnections();
    await addEvent(db, { ...happened, type: 'device.ready', message: 'filtered' });
    await addEvent(db, { ...happened, message: 'second' });
    await Promise.all([following.prints('second'), reading.prints('second')]);
    for (const one of [following, reading]) one.interrupt();
    const events = (await following.done).stdout.trim().split('\n');
    expect(events.map((line) => JSON.parse(line) as object)).toMatchObject([
      { ...happened, id: anyNumber, message: 'first' },
      { ...happened, id: anyNumber, message: 'second' },
    ]);
    expect(await reading.done).toMatchObject({
      stdout: expect.stringMatching(
        /^\S+Z {2}compute\.running +cmp_000000000001 {2}first\n.* filtered\n.* second\n$/,
      ) as unknown,
      stderr:
        'following events; Ctrl-C ends it\nthe control plane does not answer; waiting for it\nthe control plane is back\n',
    });
  });

  it('complete names of what there is, and say nothing when nobody answers', async () => {
    const { db } = api.context;
    await makeDevice(db, { name: 'north' });
    await makeDevice(db, { name: 'south' });
    const compute = await makeCompute(db, { name: 'web' });
    const ask = (environment: Record<string, string>, ...words: string[]) =>
      start(['__complete', '--', ...words], environment).done;
    const nothing = { code: 0, stdout: '', stderr: '' };
    // Names that come late are not waited for, so a busy machine may take more than one attempt.
    const becomes = (words: string[], text: RegExp) =>
      expect.poll(async () => (await ask({}, ...words)).stdout, { timeout: 30_000 }).toMatch(text);
    await becomes(['migrate', 'web', '--to', 'no'], /^north\tready\n$/);
    await becomes(['device', 'show', ''], /^north\tready\nsouth\tready\n/m);
    await becomes(['compute', 'show', ''], /^web\trunning on /);
    await becomes(['compute', 'show', 'cmp_'], new RegExp(`^${compute.id}\t`));
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    for (const environment of [
      { DRAYAGE_TOKEN: 'wrong' },
      { DRAYAGE_URL: 'http://127.0.0.1:1' },
      { DRAYAGE_URL: `http://127.0.0.1:${String(port)}` },
      { DRAYAGE_URL: 'no URL' },
    ] as Record<string, string>[])
      expect(await ask(environment, 'device', 'show', ''), JSON.stringify(environment)).toEqual(nothing);
    silent.close();
    session = {};
    expect(await ask({}, 'device', 'show', '')).toEqual(nothing);
  });

  it('manage devices, tokens and webhooks', async () => {
    await makeDevice(api.context.db, { name: 'edge' });
    expect((await run('device', 'cordon', 'edge')).stdout).toBe('edge is cordoned\n');
    expect((await run('device', 'uncordon', 'edge')).stdout).toBe('edge is ready\n');
    expect((await run('device', 'show', 'edge')).stdout).toContain('CRIU 4.2.1');
    expect((await run('device', 'token')).stdout).toContain('drj_');
    expect((await run('device', 'rm', 'edge')).code).toBe(0);
    const secret = (await run('token', 'create', '--name', 'ci')).stdout.trim();
    expect((await start(['token', 'ls'], { DRAYAGE_TOKEN: secret, DRAYAGE_URL: url }).done).stdout).toContain(
      'ci',
    );
    const [kept] = json(await run('token', 'ls', '--json')).items;
    expect((await run('token', 'rm', kept!.id)).code).toBe(0);
    const add = await run('webhook', 'add', 'https://example.org/hook', '--types', 'compute.*,device.ready');
    expect(add.stdout).toMatch(/^whsec_\S+\n$/);
    expect((await run('webhook', 'ls')).stdout).toMatch(
      /^ID .*\nwhk_\w{12} +https:\/\/example\.org\/hook +compute\.\*,device\.ready +fine +/,
    );
    const [hook] = json(await run('webhook', 'ls', '--json')).items;
    expect((await run('webhook', 'rm', hook!.id)).code).toBe(0);
    expect(json(await run('webhook', 'ls', '--json')).items).toEqual([]);
  });
});
