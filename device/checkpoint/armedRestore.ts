import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { watch } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { GatedLog } from './gatedLog.ts';
import { criuAtGate, endProcesses, findByEnvironment } from './helperProcesses.ts';
import { exists } from '../exists.ts';
import { patient } from '../patience.ts';

const run = promisify(execFile);

/** Environment variable that the runtime wrapper sets for runc and CRIU of an arriving container. */
export const ARRIVING_VARIABLE = 'DRAYAGE_ARRIVING';

export interface RestoreRequest {
  containerId: string;
  runDir: string;
  /** Where the images will be. */
  imagesDir: string;
  /** The dump's external descriptors, known before it. */
  descriptors: string[];
  /** The images lack the private anonymous memory: it is filled in by whoever listens in the working directory. */
  lazy: boolean;
  /** Asks the engine to start the container; resolves when it runs, rejects when it could not be started. */
  start: () => Promise<void>;
}

const ARM_DEADLINE_MS = patient(30_000);
const ENGINE_WORDS_MS = 500;

/** The directory that tells the runtime wrapper to restore instead of create. */
export function arrivingDirectory(runDir: string, containerId: string): string {
  return join(runDir, 'arriving', containerId);
}

/**
 * A restore that has been started before the freeze: the engine has the container starting, its wrapper has runc, runc has
 * CRIU, and CRIU waits at its gate for the images.
 */
export class ArmedRestore {
  readonly request: RestoreRequest;
  readonly #directory: string;
  readonly #log: GatedLog;
  readonly #started: Promise<void>;
  #criu = 0;

  private constructor(request: RestoreRequest, log: GatedLog, started: Promise<void>) {
    this.request = request;
    this.#directory = arrivingDirectory(request.runDir, request.containerId);
    this.#log = log;
    this.#started = started;
    this.#started.catch(() => undefined);
  }

  /** @throws DrayageError when the engine, runc or CRIU cannot get ready */
  static async arm(request: RestoreRequest): Promise<ArmedRestore> {
    const directory = arrivingDirectory(request.runDir, request.containerId);
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'work'), { recursive: true, mode: 0o700 });
    await mkdir(request.imagesDir, { recursive: true, mode: 0o700 });
    await symlink(request.imagesDir, join(directory, 'images'));
    if (request.lazy) await writeFile(join(directory, 'lazy'), '');
    await writeFile(join(request.imagesDir, 'descriptors.json'), JSON.stringify(request.descriptors), {
      mode: 0o600,
    });
    const log = await GatedLog.create(join(directory, 'work', 'restore.log'));
    const armed = new ArmedRestore(request, log, request.start());
    try {
      armed.#criu = await criuAtGate(ARRIVING_VARIABLE, request.containerId, armed.#started, ARM_DEADLINE_MS);
    } catch (error) {
      const failure = await armed.#failure(error);
      await armed.cancel();
      throw failure;
    }
    return armed;
  }

  /** Where CRIU looks for who fills in its memory. */
  get workDir(): string {
    return join(this.#directory, 'work');
  }

  /** The restored container's first process. Only after `go`. */
  async pid(): Promise<number> {
    return Number(await readFile(join(this.#directory, 'restored'), 'utf8'));
  }

  /** The pipes that the engine reads the container's output from, as the waiting runc has them. */
  get output(): { stdout: string; stderr: string } {
    return { stdout: `/proc/${this.#criu}/fd/1`, stderr: `/proc/${this.#criu}/fd/2` };
  }

  /** Resolves when the processes are restored and runc has told the engine's shim their pid. @throws DrayageError */
  async go(): Promise<void> {
    this.#log.go();
    try {
      await this.#restored();
    } catch (error) {
      throw await this.#failure(error);
    }
  }

  /** Resolves when the engine shows the container as running; then forgets the arrival. */
  async settled(): Promise<void> {
    await this.#started;
    await this.#log.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Ends all of it, whatever stage it is in; the container is left not running. */
  async cancel(): Promise<void> {
    await endProcesses(findByEnvironment(ARRIVING_VARIABLE, this.request.containerId));
    await this.#started.catch(() => undefined);
    await deleteRuncState(this.request.runDir, this.request.containerId);
    await this.#log.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** The wrapper leaves a mark beside its images when runc has ended well. */
  async #restored(): Promise<void> {
    const mark = join(this.#directory, 'restored');
    const failed: { error: Error | null } = { error: null };
    let wake = () => {};
    const watcher = watch(this.#directory, () => wake());
    this.#started.catch((error: Error) => {
      failed.error = error;
      wake();
    });
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const done = await exists(mark);
        if (done) return;
        if (failed.error !== null) throw failed.error;
        await changed;
      }
    } finally {
      watcher.close();
    }
  }

  async #failure(error: unknown): Promise<DrayageError> {
    const said = await this.#log.errors();
    // The engine's own words hold runc's; it may not have come to an end yet.
    const engine = await Promise.race([
      this.#started.then(
        () => '',
        (reason: Error) => reason.message,
      ),
      pause(ENGINE_WORDS_MS, ''),
    ]);
    return new DrayageError(
      {
        code: 'restoreFailed',
        message: `The compute could not be restored on the target: ${said || engine || (error as Error).message}.`,
        mend: 'It runs on where it was. Compare kernel, CRIU and CPU of both devices, then try again or choose another target.',
      },
      { cause: error },
    );
  }
}

/** Removes what a runc that was killed in a restore left of the container: processes, state, mounts. Nothing is no error. */
export async function deleteRuncState(runDir: string, containerId: string): Promise<void> {
  const record = await readFile(join(runDir, 'runtime', `${containerId}.json`), 'utf8').catch(() => null);
  if (record === null) return;
  const { root } = JSON.parse(record) as { root: string };
  const state = join(root, containerId);
  // runc binds the root file system here for CRIU while it restores.
  await run('umount', ['-l', join(state, 'criu-root')]).catch(() => undefined);
  await run('runc', ['--root', root, 'delete', '--force', containerId]).catch(() => undefined);
  await rm(state, { recursive: true, force: true });
}
