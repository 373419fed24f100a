import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { HELPER_VARIABLE } from '../network/batchTool.ts';
import type { NativePrograms } from '../memory/nativePrograms.ts';
import { GatedLog } from './gatedLog.ts';
import { criuAtGate, endProcesses, findByEnvironment } from './helperProcesses.ts';
import { patient } from '../patience.ts';

export interface DumpRequest {
  containerId: string;
  /** runc's state root of this container. */
  runcRoot: string;
  /** Of the container's first process. */
  pid: number;
  /** On tmpfs, 0700; CRIU writes its images here. */
  imagesDir: string;
  workDir: string;
  /** What makes the dump cheaper, and right. */
  native: Pick<NativePrograms, 'criuHide' | 'tools'>;
  /** The private anonymous memory is not dumped: it travels by itself. */
  withoutMemory: boolean;
  /** Established TCP connections are not dumped; CRIU's settings have to say so too (writeCriuConfig). @default false */
  dropConnections?: boolean;
}

const ARM_DEADLINE_MS = patient(10_000);

/**
 * A final dump that has been started before the freeze and waits at its gate (see GatedLog). The dump leaves the tasks
 * alive (`--leave-running`): on a frozen cgroup that is frozen, and a thaw is the whole rollback.
 */
export class ArmedDump {
  readonly request: DumpRequest;
  readonly #log: GatedLog;
  readonly #runc: ChildProcess;
  readonly #exited: Promise<number>;
  #gone = false;

  private constructor(request: DumpRequest, log: GatedLog, runc: ChildProcess) {
    this.request = request;
    this.#log = log;
    this.#runc = runc;
    this.#exited = new Promise((resolve) => {
      runc.once('error', () => resolve(-1));
      runc.once('exit', (code) => resolve(code ?? -1));
    });
  }

  /** @throws DrayageError when runc or CRIU cannot start */
  static async arm(request: DumpRequest): Promise<ArmedDump> {
    await mkdir(request.imagesDir, { recursive: true, mode: 0o700 });
    await mkdir(request.workDir, { recursive: true, mode: 0o700 });
    const log = await GatedLog.create(join(request.workDir, 'dump.log'));
    const output = await open(join(request.workDir, 'runc-checkpoint.txt'), 'w', 0o600);
    const key = `dump-${request.containerId}`;
    const runc = spawn('runc', checkpointArguments(request), {
      stdio: ['ignore', output.fd, output.fd],
      detached: true,
      env: {
        ...process.env,
        [HELPER_VARIABLE]: key,
        ...helped(request),
      },
    });
    await output.close();
    const armed = new ArmedDump(request, log, runc);
    try {
      await criuAtGate(HELPER_VARIABLE, key, armed.#exited, ARM_DEADLINE_MS);
    } catch (error) {
      const failure = await armed.#failure(error);
      await armed.cancel();
      throw failure;
    }
    return armed;
  }

  /** Of runc, whose end is the dump's. */
  get pid(): number {
    return this.#runc.pid ?? 0;
  }

  /** Resolves when the images are complete and CRIU has let go of the processes. @throws DrayageError with CRIU's words */
  async go(): Promise<void> {
    this.#gone = true;
    this.#log.go();
    try {
      await this.#log.line(/Dumping finished successfully/, this.#exited);
    } catch (error) {
      throw await this.#failure(error);
    }
  }

  /** Resolves when runc has ended; nothing of the dump runs any more. */
  async settled(): Promise<void> {
    await this.#exited;
    await this.#log.close();
  }

  /**
   * Before `go`, ends the waiting processes. Once begun, a dump is never killed (CRIU's code would stay in the
   * compute's processes): it is waited for.
   */
  async cancel(): Promise<void> {
    if (!this.#gone)
      await endProcesses(findByEnvironment(HELPER_VARIABLE, `dump-${this.request.containerId}`));
    if (!this.#gone) this.#runc.kill('SIGKILL');
    await this.settled();
  }

  async #failure(error: unknown): Promise<DrayageError> {
    const said = await this.#log.errors();
    const runc = await readFile(join(this.request.workDir, 'runc-checkpoint.txt'), 'utf8').catch(() => '');
    return new DrayageError(
      {
        code: 'dumpFailed',
        message: `The compute could not be dumped: ${[said, lastLine(runc)].filter(Boolean).join('; ') || (error as Error).message}.`,
        mend: 'The cause above names what CRIU cannot dump; stop using it in the compute, or move the compute stopped.',
      },
      { cause: error },
    );
  }
}

/** runc says in its last line what went wrong. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** What criu-hide.so and CRIU's own programs are to know and be, see device/native/README.md. */
function helped({ native, withoutMemory, pid }: DumpRequest): NodeJS.ProcessEnv {
  return {
    ...(native.tools === null ? {} : { PATH: `${native.tools}:${process.env.PATH}` }),
    ...(native.criuHide === null ? {} : { LD_PRELOAD: native.criuHide }),
    DRAYAGE_HIDE: withoutMemory ? 'memory' : 'nothing',
    DRAYAGE_ROOT: `/proc/${pid}/root`,
  };
}

function checkpointArguments(request: DumpRequest): string[] {
  const { containerId, runcRoot, imagesDir, workDir, dropConnections = false } = request;
  return [
    ...['--root', runcRoot, 'checkpoint', '--leave-running', '--file-locks'],
    ...(dropConnections ? [] : ['--tcp-established']),
    ...['--manage-cgroups-mode', 'ignore', '--image-path', imagesDir, '--work-path', workDir, containerId],
  ];
}

/** What `descriptors.json` of the dump will hold, known before it: runc asks for it when a restore is only being prepared. */
export async function externalDescriptors(runcRoot: string, containerId: string): Promise<string[]> {
  const state = JSON.parse(await readFile(join(runcRoot, containerId, 'state.json'), 'utf8')) as {
    external_descriptors?: string[];
  };
  return state.external_descriptors ?? [];
}
