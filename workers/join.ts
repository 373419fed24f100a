import { hostname } from 'node:os';
import { statusOfCause } from '../core/api/statusOfCause.ts';
import { type Cause, DrayageError } from '../core/cause.ts';
import { readIdentity } from '../device/control/identityStore.ts';
import { fingerprintOfKey, forgetWaitingKey, readWaitingKey } from '../device/control/waitingKey.ts';
import { InventoryReader } from '../device/inventory.ts';
import { tryLock } from '../device/processLock.ts';
import packageJson from '../package.json' with { type: 'json' };
import { type NodeConfig, readNodeConfig } from './node/config.ts';
import { obtainIdentity } from './node/obtainIdentity.ts';

/** `drayage device join`: joins this device, says what it does, and ends; the node worker finds the identity later. */
const ENVIRONMENT_FILE = '/etc/drayage/node.env';
const json = process.argv.includes('--json');
const stop = new AbortController();

interface Joined {
  deviceId: string;
  keyFingerprint: string;
  /** It had an identity before. */
  already: boolean;
}

async function main(): Promise<Joined | null> {
  loadEnvironment();
  const config = readNodeConfig({ DRAYAGE_DEVICE_NAME: hostname().toLowerCase(), ...process.env });
  const lock = await tryLock('worker');
  if ('pid' in lock) throw await workerRuns(config, lock.pid);
  try {
    const known = await readIdentity(config.stateDir);
    if (known) return { ...shown(known), already: true };
    if (process.argv.includes('--new-key')) await forgetWaitingKey(config.stateDir);
    const inventory = await InventoryReader.start({
      dockerSocket: config.dockerSocket,
      linkAddress: `${config.link.host}:${String(config.link.port)}`,
      version: packageJson.version,
    });
    const log = { info: say, warn: say };
    const identity = await obtainIdentity(config, () => inventory.read(), log, stop.signal, true);
    return identity && { ...shown(identity), already: false };
  } finally {
    await lock.release();
  }
}

function shown({ deviceId, key }: { deviceId: string; key: string }) {
  return { deviceId, keyFingerprint: fingerprintOfKey(key) };
}

/** The service's own settings; what the environment says goes before them. */
function loadEnvironment(): void {
  try {
    process.loadEnvFile(ENVIRONMENT_FILE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function workerRuns({ stateDir }: NodeConfig, pid: number): Promise<DrayageError> {
  const joined = await readIdentity(stateDir);
  const key = (joined ?? (await readWaitingKey(stateDir)))?.key;
  const whose = key === undefined ? '' : ` Its key is ${fingerprintOfKey(key)}.`;
  return new DrayageError({
    code: 'workerRuns',
    message: `The node worker runs on this device (process ${String(pid)}) and ${joined ? 'has joined' : 'joins by itself'}.${whose}`,
    mend: 'See its log (journalctl -u drayage-node); to join by hand, stop it first.',
  });
}

function say(detail: object, message: string): void {
  const facts = Object.entries(detail).map(([name, value]) => `\n    ${name}: ${String(value)}`);
  process.stderr.write(`${message}${facts.join('')}\n`);
}

function end(joined: Joined | null): number {
  if (!joined) return 130;
  const { deviceId, keyFingerprint, already } = joined;
  const words = `${already ? 'this device has joined before' : 'joined'} as ${deviceId}, with the key ${keyFingerprint}`;
  process.stdout.write(`${json ? JSON.stringify(joined) : words}\n`);
  return 0;
}

function fail(error: unknown): number {
  const cause: Cause =
    error instanceof DrayageError
      ? error.cause_
      : { code: 'internal', message: String(error instanceof Error ? error.message : error), mend: '' };
  const status = statusOfCause(cause.code);
  if (json) process.stdout.write(`${JSON.stringify({ causes: [cause] })}\n`);
  else process.stderr.write(`${`${cause.message} ${cause.mend}`.trim()}\n`);
  if (cause.code === 'badEnvironment') return 2;
  return cause.code === 'workerRuns' || (status >= 400 && status < 500) ? 3 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
process.exit(await main().then(end, fail));
