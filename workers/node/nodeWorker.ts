import type { Logger } from 'pino';
import { linkHost } from '../../core/device.ts';
import { ControlClient } from '../../device/control/controlClient.ts';
import { linkIdentity, type StoredIdentity } from '../../device/control/identityStore.ts';
import { LiveIdentity } from '../../device/control/liveIdentity.ts';
import type { Device, Machine } from '../../device/device.ts';
import { ExecSessions } from '../../device/engine/execSessions.ts';
import { handleHttp, handleUpgrade } from '../../device/engine/linkRoutes.ts';
import { handleVolumes } from '../../device/engine/volumeRoutes.ts';
import { runRestarter, type ReportedExit } from '../../device/engine/restarter.ts';
import type { Engine } from '../../device/engine/types.ts';
import { ImageFetcher } from '../../device/images/imageFetcher.ts';
import { handlePromise } from '../../device/lease/promiseRoute.ts';
import { KnownPeers } from '../../device/link/knownPeers.ts';
import { LinkServer, type LinkRequest } from '../../device/link/linkServer.ts';
import { TransferTable } from '../../device/ownership/transferTable.ts';
import { ActivityRunner, type Polling } from './activityRunner.ts';
import type { NodeConfig } from './config.ts';
import { askPeers } from './askPeers.ts';
import { Checkpoints } from './checkpoints.ts';
import { HealthMonitor } from './healthMonitor.ts';
import { Heartbeats } from './heartbeats.ts';
import { Metrics } from './metrics.ts';
import { controlUrlOf, obtainIdentity } from './obtainIdentity.ts';
import { Placements } from './placements.ts';
import { SelfEvacuation } from './selfEvacuation.ts';
import { Renewals } from './renewals.ts';

/** Who answers peers and the control plane on the link. */
interface LinkParts {
  device: Device;
  sessions: ExecSessions;
  table: TransferTable;
  control: ControlClient;
}

interface Deps {
  config: NodeConfig;
  /** Waits for the machine; what runs on it is this worker's from then on. */
  openMachine: () => Promise<Machine>;
  polling: Polling;
  log: Logger;
}

/** One device's worker, wired together. */
export class NodeWorker {
  readonly #deps: Deps;
  readonly #config: NodeConfig;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  /** What speaks for the device, to whomever. */
  #talking: { close(): Promise<void> | void }[] = [];
  #parts: { close(): Promise<void> | void }[] = [];

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#config = deps.config;
    this.#log = deps.log;
  }

  /** Runs until `stop`. @throws when it cannot begin (engine missing, port taken, token refused) */
  async run(): Promise<void> {
    const machine = await this.#deps.openMachine();
    try {
      const inventory = () => machine.inventory();
      const identity = await obtainIdentity(this.#config, inventory, this.#log, this.#stop.signal);
      // Null: stopped while it waited.
      if (identity !== null) await this.#runJoined(machine, identity);
    } finally {
      for (const part of this.#parts) await part.close();
      await machine.release();
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return Promise.resolve();
  }

  /** Ends at once and with no word to anybody, as a loss of power would; for devices that share a process. */
  crash(): void {
    this.#stop.abort();
    for (const part of this.#talking) void part.close();
  }

  async #runJoined(machine: Machine, obtained: StoredIdentity): Promise<void> {
    const { stateDir, runDir, link: address } = this.#config;
    const controlUrl = controlUrlOf(this.#config, obtained);
    const live = new LiveIdentity(stateDir, obtained);
    const identity = () => linkIdentity(live.current);
    const control = new ControlClient(controlUrl, obtained);
    const device = await machine.join({
      identity,
      controlHosts: [new URL(controlUrl).hostname, linkHost(obtained.temporal.address)],
      fetchNetwork: () => control.network(),
      allowedImage: (imageId, peer) => control.allowedImage(imageId, peer),
      checkpointSource: (computeId) => control.checkpointSource(computeId),
    });
    const { engine, members, memory } = device;
    const table = new TransferTable({
      ...{ runDir, stateDir, members, memory, control, identity },
      log: (message, detail) => this.#log.info(detail, message),
    });
    const sessions = new ExecSessions(engine);
    const link = this.#link(live, { device, sessions, table, control });
    this.#talking = [link, table, control];
    this.#parts = [link, table, device, control];
    await link.listen(address.host, address.port);
    await table.recover();
    const { polling } = this.#deps;
    const log = this.#log;
    const placements = new Placements({ device, table, control, log });
    const health = new HealthMonitor({ engine, sessions, placements, control, log });
    const heartbeats = new Heartbeats({
      ...{ control, engine, placements, health, log, leases: device.leases },
      askPeers: (computeIds, generation) => askPeers({ placements, identity, log }, computeIds, generation),
      inventory: () => machine.inventory(),
      followNetwork: (version) => device.followNetwork(version),
    });
    const metrics = new Metrics({ control, device, log });
    const checkpoints = new Checkpoints({ device, placements, sessions, control, identity, log });
    const images = new ImageFetcher({
      ...{ engine, control, identity },
      log: (message, detail) => log.info(detail, message),
    });
    const activities = new ActivityRunner({
      ...{ identity: live, device, sessions, placements, table, control, images, polling, log },
      memoryAvailable: async () => (await machine.inventory()).memoryAvailableBytes,
    });
    const renewals = new Renewals({ identity: live, control, log });
    live.onChange(() => activities.renew());
    live.onChange((renewed) => link.renew(linkIdentity(renewed)));
    // Last: the first sign of life with the new certificate ends the old one.
    live.onChange((renewed) => control.use(renewed));
    const limits = this.#config.selfEvacuation;
    const selfEvacuation = new SelfEvacuation({ limits, control, log });
    this.#parts.unshift(selfEvacuation, renewals, metrics, checkpoints, heartbeats, health, placements);
    renewals.start();
    heartbeats.start();
    metrics.start();
    checkpoints.start();
    if (limits.batteryPercent !== null || limits.celsius !== null) selfEvacuation.start();
    await placements.start(this.#stop.signal, () => heartbeats.tell());
    await images.tell();
    this.#watchExits(engine, placements, health, control);
    this.#log.info({ device: obtained.deviceId }, 'ready');
    await activities.run(this.#stop.signal);
  }

  /** Applies the restart policies; the engine's own are off, for a move must not trigger them. */
  #watchExits(engine: Engine, placements: Placements, health: HealthMonitor, control: ControlClient): void {
    const deps = {
      engine,
      mayStart: (computeId: string) => placements.mayStart(computeId),
      policyOf: (computeId: string) => placements.current(computeId)?.spec.restartPolicy,
      start: async (computeId: string) => {
        await placements.startAgain(computeId);
        health.restarted(computeId);
      },
      onExit: ({ reason, ...exit }: ReportedExit) => {
        this.#log.info({ ...exit, reason }, 'a compute ended');
        control
          .exited(exit)
          .catch((error: unknown) =>
            this.#log.warn({ ...exit, error: String(error) }, 'an exit was not reported'),
          );
      },
    };
    runRestarter(deps, this.#stop.signal);
  }

  #link(live: LiveIdentity, { device, sessions, table, control }: LinkParts): LinkServer {
    const { engine } = device;
    const peers = new KnownPeers((deviceId) => control.askPeer(deviceId));
    return new LinkServer(linkIdentity(live.current), {
      allows: (deviceId, certificate) => peers.allows(deviceId, certificate),
      device: async (request: LinkRequest) => {
        if ((await table.serve(request)) || (await device.serve(request))) return;
        request.stream.respond({ ':status': 404 });
        request.stream.end();
      },
      control: async (request, response) => {
        if (await handleHttp(engine, request, response)) return;
        if (await handlePromise(device.peerLeases, request, response)) return;
        if (!(await handleVolumes(engine, request, response))) response.writeHead(404).end();
      },
      controlUpgrade: (request, socket, head) => {
        if (!handleUpgrade(sessions, request, socket, head)) socket.destroy();
      },
      log: (message, detail) => this.#log.info(detail, message),
    });
  }
}
