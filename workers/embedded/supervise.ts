import { createHash } from 'node:crypto';
import { chmod, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { tryLock, type ProcessLock } from '../../device/processLock.ts';
import { temporalSecurity, temporalSecurityEnvironment } from '../../api/temporalSettings.ts';
import type { Part } from './part.ts';
import { postgresPart } from './postgres.ts';
import { apiAddress, apiPart, controlPart, gatewayPart, type ProgramEnvironment } from './programs.ts';
import { runPart, type RunningPart } from './runningPart.ts';
import type { Settings } from './settings.ts';
import { temporalPart } from './temporal.ts';

/** Unset, so that what this process's own environment says of another Temporal reaches no part. */
const NO_TEMPORAL_SECURITY = Object.fromEntries(
  [...Object.keys(temporalSecurityEnvironment), 'TEMPORAL_API_KEY_FILE'].map((name) => [name, undefined]),
);

export interface ControlPlane {
  /** Rejects when a part is given up; never resolves before `stop`. */
  ended: Promise<void>;
  /** Ends all parts, those that use others first. */
  stop(): Promise<void>;
  addresses: { api: string; deviceApi: string; temporal: string; temporalUi: string | null };
}

/**
 * Starts what is not there already (PostgreSQL, Temporal), then the API and the control worker; resolves when all are
 * ready. Refuses a data directory that another control plane has.
 */
export async function startControlPlane(
  settings: Settings,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ControlPlane> {
  const directory = settings.DRAYAGE_DATA_DIR;
  await mkdir(join(directory, 'logs'), { recursive: true });
  await chmod(directory, 0o700);
  const lock = await lockDirectory(directory);
  const running: RunningPart[] = [];
  const file = join(directory, 'control-plane.json');
  const addresses = addressesOf(settings);
  const record = makeRecorder(file, addresses, running);
  const run = (part: Part): RunningPart => {
    const one = runPart(part, join(directory, 'logs', `${part.name}.log`), say, () => record.write());
    running.push(one);
    return one;
  };
  const stop = async () => {
    await stopAll(running);
    await record.settled();
    await rm(file, { force: true });
    await lock.release();
  };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const abort = () => failed.reject(new Error('Stopped before it was ready.'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([startParts(settings, run), failed.promise]);
    record.setReady();
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return { ended: Promise.race(running.map((part) => part.ended)), stop, addresses };
}

/** In the order of need. Those that need each other's work only at run time start side by side. */
async function startParts(settings: Settings, run: (part: Part) => RunningPart): Promise<void> {
  const database = settings.DATABASE_URL === undefined ? await postgresPart(settings) : null;
  const temporal = settings.TEMPORAL_ADDRESS === undefined ? await temporalPart(settings) : null;
  const stores = [database?.part, temporal].filter((part) => part !== undefined && part !== null);
  await Promise.all(stores.map((part) => run(part).ready));
  const { host, port } = settings.DRAYAGE_TEMPORAL_LISTEN;
  const address = settings.TEMPORAL_ADDRESS ?? `${host}:${port}`;
  const environment: ProgramEnvironment = {
    DATABASE_URL: settings.DATABASE_URL ?? database!.url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: settings.TEMPORAL_NAMESPACE,
    DRAYAGE_DATA_DIR: settings.DRAYAGE_DATA_DIR,
    DATABASE_URL_FILE: undefined,
    ...temporalUiOf(settings),
    // The server that is started here speaks in clear, on loopback.
    ...(settings.TEMPORAL_ADDRESS === undefined ? NO_TEMPORAL_SECURITY : {}),
  };
  const security =
    settings.TEMPORAL_ADDRESS === undefined ? { tls: null, apiKey: null } : temporalSecurity(settings);
  await Promise.all([
    run(apiPart(environment, settings.DRAYAGE_API_LISTEN)).ready,
    run(controlPart(environment, { address, namespace: settings.TEMPORAL_NAMESPACE, ...security })).ready,
    run(gatewayPart(environment, settings.DRAYAGE_DEVICE_TEMPORAL_LISTEN)).ready,
  ]);
}

/** That of the server that is started here, unless somebody has said where browsers find it. */
function temporalUiOf(settings: Settings): Pick<ProgramEnvironment, 'DRAYAGE_TEMPORAL_UI_URL'> {
  if (settings.TEMPORAL_ADDRESS !== undefined || process.env['DRAYAGE_TEMPORAL_UI_URL'] !== undefined)
    return {};
  const { host, port } = settings.DRAYAGE_TEMPORAL_UI_LISTEN;
  return { DRAYAGE_TEMPORAL_UI_URL: `http://${host}:${String(port)}` };
}

async function lockDirectory(directory: string): Promise<ProcessLock> {
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex')
    .slice(0, 32);
  const lock = await tryLock(`control/${name}`);
  if ('release' in lock) return lock;
  throw new DrayageError({
    code: 'alreadyRuns',
    message: `A control plane runs on ${directory} already: process ${lock.pid}.`,
    mend: 'Use that one, end it, or set DRAYAGE_DATA_DIR to another folder.',
  });
}

/** Those that use others first. */
async function stopAll(running: RunningPart[]): Promise<void> {
  for (const names of [
    ['api', 'control', 'gateway'],
    ['temporal', 'postgres'],
  ]) {
    await Promise.all(running.filter((part) => names.includes(part.name)).map((part) => part.stop()));
  }
}

interface Recorder {
  write(): void;
  /** All parts have been ready; one may be on its way back since. */
  setReady(): void;
  settled(): Promise<void>;
}

/** Keeps control-plane.json as things are: one write after the other, each whole. */
function makeRecorder(
  file: string,
  addresses: ControlPlane['addresses'],
  running: readonly RunningPart[],
): Recorder {
  let last: Promise<void> = Promise.resolve();
  let ready = false;
  const writeNow = async () => {
    const parts = Object.fromEntries(
      running.flatMap((part) => (part.pid() === null ? [] : [[part.name, part.pid()]])),
    );
    await writeFile(`${file}.new`, JSON.stringify({ pid: process.pid, ready, ...addresses, parts }, null, 1));
    await rename(`${file}.new`, file);
  };
  const write = () => void (last = last.then(writeNow, writeNow));
  return {
    write,
    setReady() {
      ready = true;
      write();
    },
    settled: () => last.catch(() => {}),
  };
}

function addressesOf(settings: Settings): ControlPlane['addresses'] {
  const temporal = settings.DRAYAGE_TEMPORAL_LISTEN;
  const ui = settings.DRAYAGE_TEMPORAL_UI_LISTEN;
  return {
    api: apiAddress(settings.DRAYAGE_API_LISTEN),
    deviceApi: `https://${settings.DRAYAGE_ADVERTISE_HOST}:${settings.DRAYAGE_DEVICE_LISTEN.port}`,
    temporal: settings.TEMPORAL_ADDRESS ?? `${temporal.host}:${temporal.port}`,
    temporalUi: settings.TEMPORAL_ADDRESS === undefined ? `http://${ui.host}:${ui.port}` : null,
  };
}
