import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { decidePlacement } from '../../core/decidePlacement.ts';
import type { DevicePlacement } from '../../core/deviceApi.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import type { TransferTable } from '../../device/ownership/transferTable.ts';

const AGAIN_MS = 1000;

interface Deps {
  device: Pick<Device, 'engine' | 'network' | 'files'>;
  table: TransferTable;
  control: ControlClient;
  log: Logger;
}

/**
 * What the control plane has placed on this device. At start nothing that is not running is started, and no gate opened,
 * before it has confirmed that; what it has placed elsewhere meanwhile is cleared away.
 */
export class Placements {
  readonly #deps: Deps;
  #known = new Map<string, DevicePlacement>();
  /** Tells the control plane what is here; resolves with what is outdated of it. */
  #tell: () => Promise<string[]> = () => Promise.resolve([]);

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Asks until it is answered, then brings this device in line with the answer. Does not wait for an absent control plane. */
  async start(signal: AbortSignal, tell: () => Promise<string[]>): Promise<void> {
    this.#tell = tell;
    const first = await this.#reconcile();
    if (!first) void this.#keepAsking(signal);
  }

  /**
   * The epoch under which a compute is this device's: the control plane's word or the journal's, whichever is later; 0 when
   * neither has it here.
   */
  async epoch({ id, group }: Pick<ComputeSpec, 'id' | 'group'>): Promise<number> {
    const word = await this.#deps.table.lastWord(group);
    return Math.max(this.#known.get(id)?.epoch ?? 0, word?.owner === null ? word.epoch : 0);
  }

  /** Whether this device is to start the compute again; by the last answer while the control plane is away. */
  async mayStart(computeId: string): Promise<boolean> {
    await this.refresh().catch(() => undefined);
    return this.current(computeId) !== undefined;
  }

  /** What the control plane said last of a compute that is this device's, is wanted running, and that no move has. */
  current(computeId: string): DevicePlacement | undefined {
    const placement = this.#known.get(computeId);
    const free = placement?.desired === 'running' && placement.transfer === null;
    return free && !this.#deps.table.busy(computeId) ? placement : undefined;
  }

  /** Told with every heartbeat what is here: asks when something is new, forgets what has gone. */
  async notice(computeIds: string[]): Promise<void> {
    for (const id of this.#known.keys()) if (!computeIds.includes(id)) this.#known.delete(id);
    if (computeIds.some((id) => !this.#known.has(id))) await this.refresh();
  }

  /** Starts a compute that ended, behind its gate, and opens the gate. */
  async startAgain(computeId: string): Promise<void> {
    const placement = this.#known.get(computeId);
    if (placement) await this.#start(placement.spec);
  }

  /** Takes the newest answer, without acting on it; keeps the last one while the control plane is away. */
  async refresh(): Promise<void> {
    this.#learn(await this.#deps.control.placements());
  }

  /**
   * Asks, and tells the control plane what the journal knows better: groups that this device gave away, transfers that it
   * ended. There is such a thing only when its database is of an older backup.
   */
  async settle(): Promise<void> {
    const items = await this.#deps.control.placements();
    let told = false;
    for (const item of items) told = (await this.#tellBetter(item)) || told;
    this.#learn(told ? await this.#deps.control.placements() : items);
  }

  /** An epoch that this worker has heard of is never lowered. */
  #learn(items: DevicePlacement[]): void {
    const epoch = (item: DevicePlacement) => Math.max(item.epoch, this.#known.get(item.spec.id)?.epoch ?? 0);
    this.#known = new Map(items.map((item) => [item.spec.id, { ...item, epoch: epoch(item) }]));
  }

  async #tellBetter({ group, epoch, transfer }: DevicePlacement): Promise<boolean> {
    const { control, table, log } = this.#deps;
    try {
      if (transfer !== null) {
        const ended = await table.endedSource(group, transfer.id);
        if (ended !== null) await control.report(transfer.id, ended);
        return ended !== null;
      }
      const word = await table.lastWord(group);
      if (word === null || word.owner === null || word.epoch <= epoch) return false;
      await control.handedOver({ group, epoch: word.epoch, target: word.owner });
      log.warn({ group, ...word }, 'the control plane had forgotten that this device gave a group away');
      return true;
    } catch (error) {
      if (error instanceof DrayageError && error.retryable) throw error;
      log.warn({ group, error: String(error) }, 'the control plane does not take what the journal says');
      return false;
    }
  }

  /**
   * Clears away what may be started elsewhere and was: its device was cut off, or its worker stood still, and another has it now.
   * What a move has left is the move's to clear.
   */
  async clear(outdated: readonly string[]): Promise<void> {
    if (outdated.length === 0) return;
    const { device, log } = this.#deps;
    const here = (await device.engine.listComputes()).filter(
      ({ computeId, spec }) => outdated.includes(computeId) && spec.protection !== undefined,
    );
    if (here.length === 0) return;
    await this.refresh();
    for (const { computeId, running } of here) {
      try {
        await this.#bringInLine(computeId, running, true);
      } catch (error) {
        log.error(
          { computeId, error: String(error) },
          'what is another device’s now could not be cleared away',
        );
      }
    }
  }

  close(): void {
    this.#known.clear();
  }

  async #keepAsking(signal: AbortSignal): Promise<void> {
    do await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && !(await this.#reconcile()));
  }

  async #reconcile(): Promise<boolean> {
    const { log } = this.#deps;
    const { engine } = this.#deps.device;
    let outdated: Set<string>;
    try {
      await this.#deps.table.reportEnds();
      outdated = new Set(await this.#tell());
      await this.settle();
    } catch (error) {
      log.warn({ error: String(error) }, 'the placements are not confirmed yet');
      return false;
    }
    const here = new Map((await engine.listComputes()).map((compute) => [compute.computeId, compute]));
    for (const computeId of new Set([...here.keys(), ...this.#known.keys()])) {
      try {
        await this.#bringInLine(computeId, here.get(computeId)?.running ?? null, outdated.has(computeId));
      } catch (error) {
        log.error(
          { computeId, error: String(error) },
          'a compute could not be brought in line with its placement',
        );
      }
    }
    return true;
  }

  async #bringInLine(computeId: string, running: boolean | null, outdated: boolean): Promise<void> {
    const { table, control, log } = this.#deps;
    const { engine, network, files } = this.#deps.device;
    const placement = this.#known.get(computeId);
    const { action, reason } = decidePlacement({
      placed: placement !== undefined,
      outdated,
      desired: placement?.desired ?? 'stopped',
      transferOpen: placement?.transfer !== null && placement !== undefined,
      restart: placement?.spec.restartPolicy.name ?? 'no',
      busy: table.busy(computeId) || files.expects(computeId),
      container: running === null ? 'none' : running ? 'running' : 'stopped',
    });
    if (action === 'leave') return;
    log.info({ computeId, action, reason }, 'placement');
    if (action === 'remove') {
      await network.remove(computeId);
      await engine.removeCompute(computeId, { volumes: true });
    } else if (action === 'start' && placement) {
      await this.#start(placement.spec);
    } else if (action === 'tellStopped') {
      const facts = await engine.facts(computeId);
      await control.exited({ computeId, exitCode: facts?.exitCode ?? 137, restarting: false, restarts: 0 });
    }
  }

  async #start(spec: ComputeSpec): Promise<void> {
    const { engine, network } = this.#deps.device;
    const sandbox = await engine.ensureSandbox(spec);
    await network.prepare(spec, sandbox.pid);
    await engine.startCompute(spec.id);
    await network.open(spec, sandbox.pid);
  }
}
