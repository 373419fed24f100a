import { join } from 'node:path';
import type { Logger } from 'pino';
import type { FakeHold, FakeStart } from '../../core/fakeOrders.ts';
import { FakeMachine } from '../../device/fake/fakeMachine.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Polling } from '../node/activityRunner.ts';
import { NodeWorker } from '../node/nodeWorker.ts';

/** One poll waits at the server at a time: hundreds of devices share its process and this one. */
const POLLING: Polling = {
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
  shutdownGraceTime: '50 ms',
  shutdownForceTime: '1 second',
};

interface Running {
  worker: NodeWorker;
  ended: Promise<void>;
}

/** One fake device: a machine, and the real node worker on it while its power is on. */
export class FakeHost {
  readonly #name: string;
  readonly #folder: string;
  readonly #log: Logger;
  #machine: FakeMachine | null = null;
  #running: Running | null = null;

  constructor(name: string, folder: string, log: Logger) {
    this.#name = name;
    this.#folder = folder;
    this.#log = log.child({ fake: name });
  }

  get runs(): boolean {
    return this.#running !== null;
  }

  /** Starts its worker, unless it runs. */
  async start({ index, link, controlUrl, joinToken }: FakeStart): Promise<void> {
    if (this.#running) return;
    const machine = (this.#machine ??= new FakeMachine({
      name: this.#name,
      index,
      linkAddress: `${link.host}:${link.port}`,
      version: packageJson.version,
      runDir: join(this.#folder, 'run'),
      onPowerLost: () => void this.kill('device'),
    }));
    const worker = new NodeWorker({
      config: {
        stateDir: join(this.#folder, 'state'),
        runDir: join(this.#folder, 'run'),
        ...{ controlUrl, joinToken, name: this.#name, link, bridge: '', dockerSocket: '' },
        selfEvacuation: { batteryPercent: null, celsius: null, deadlineSeconds: 600 },
      },
      openMachine: () => machine.open(),
      polling: POLLING,
      log: this.#log,
    });
    const ended = worker.run().catch((error: unknown) => {
      this.#log.error({ error: String(error) }, 'the worker cannot run');
    });
    const running = { worker, ended };
    this.#running = running;
    void ended.then(() => {
      if (this.#running === running) this.#running = null;
    });
  }

  /** Has these computes run on the machine, if there is one. */
  hold({ computes }: FakeHold): void {
    this.#machine?.hold(computes);
  }

  /** Ends the worker at once; `device` ends all that runs on it, too. False when it did not run. Resolves once it is gone. */
  async kill(part: 'device' | 'worker'): Promise<boolean> {
    const running = this.#running;
    this.#machine?.endWorker();
    running?.worker.crash();
    await running?.ended;
    if (part === 'device') await this.#machine?.losePower();
    return running !== null;
  }

  /** Ends the worker in order. */
  async stop(): Promise<void> {
    await this.#running?.worker.stop();
    await this.#running?.ended;
  }
}
