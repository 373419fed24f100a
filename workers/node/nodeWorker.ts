import { join } from 'node:path';
import type { Logger } from 'pino';
import { linkHost, servicePorts } from '../../core/device.ts';
import { ControlClient } from '../../device/control/controlClient.ts';
import { linkIdentity, type StoredIdentity } from '../../device/control/identityStore.ts';
import { createEngine } from '../../device/engine/createEngine.ts';
import { handleHttp, handleUpgrade } from '../../device/engine/linkRoutes.ts';
import { runRestarter, type ReportedExit } from '../../device/engine/restarter.ts';
import type { Engine } from '../../device/engine/types.ts';
import { Failpoints } from '../../device/failpoints.ts';
import { FileSync } from '../../device/files/fileSync.ts';
import { TmpfsMounts } from '../../device/files/tmpfsMounts.ts';
import { InventoryReader } from '../../device/inventory.ts';
import { MemoryMoves } from '../../device/memory/memoryMoves.ts';
import { PageListener } from '../../device/memory/pageListener.ts';
import { PageStores } from '../../device/memory/pageStores.ts';
import { LinkServer, type LinkRequest } from '../../device/link/linkServer.ts';
import { ComputeNetwork } from '../../device/network/computeNetwork.ts';
import { DeviceRules } from '../../device/network/deviceRules.ts';
import { TransferTable } from '../../device/ownership/transferTable.ts';
import { endEarlierHelpers, prepareRunDirectory } from '../../device/prepareRunDirectory.ts';
import { waitForLock, type ProcessLock } from '../../device/processLock.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { ActivityRunner } from './activityRunner.ts';
import type { NodeConfig } from './config.ts';
import { Heartbeats } from './heartbeats.ts';
import { Metrics } from './metrics.ts';
import { controlUrlOf, obtainIdentity } from './obtainIdentity.ts';
import { Placements } from './placements.ts';

/** The operator's way in. */
const SSH_PORT = 22;

/** One device's worker, wired together. */
export class NodeWorker {
  readonly #config: NodeConfig;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #parts: { close(): Promise<void> | void }[] = [];

  constructor(config: NodeConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** Runs until `stop`. @throws when it cannot begin (engine missing, port taken, token refused) */
  async run(): Promise<void> {
    const { stateDir, runDir } = this.#config;
    const lock: ProcessLock = await waitForLock('worker', ({ pid }) =>
      this.#log.warn({ pid }, 'another worker runs on this device; waiting for its end'),
    );
    try {
      await prepareRunDirectory(runDir);
      await endEarlierHelpers(runDir);
      const engine = createEngine({ dockerSocket: this.#config.dockerSocket, runDir });
      const inventory = await InventoryReader.start({
        dockerSocket: this.#config.dockerSocket,
        linkAddress: `${this.#config.link.host}:${this.#config.link.port}`,
        version: packageJson.version,
      });
      const read = () => inventory.read();
      const identity = await obtainIdentity(this.#config, read, this.#log, this.#stop.signal);
      // Stopped while it waited.
      if (identity === null) return;
      const control = new ControlClient(controlUrlOf(this.#config, identity), identity);
      const files = new FileSync({
        engine,
        workRoot: join(stateDir, 'sync'),
        mounts: new TmpfsMounts(join(runDir, 'tmpfs')),
        identity: () => linkIdentity(identity),
      });
      await files.clear();
      const { host, port } = this.#config.link;
      const listener = new PageListener();
      // Beside the link's own: a firewall lets both through.
      await listener.listen(host, port === 0 ? 0 : port + 1);
      const memory = new MemoryMoves({ engine, identity: () => linkIdentity(identity), runDir });
      const pages = new PageStores({
        root: join(runDir, 'pages'),
        listener,
        identity: () => linkIdentity(identity),
        log: (message, detail) => this.#log.info(detail, message),
      });
      await pages.recover();
      const rules = await this.#rules(identity, engine, control);
      const network = new ComputeNetwork(this.#config.bridge, rules);
      const deps = {
        deviceId: identity.deviceId,
        runDir,
        stateDir,
        engine,
        network,
        files,
        memory,
        pages,
        control,
        identity: () => linkIdentity(identity),
      };
      const table = new TransferTable({ ...deps, log: (message, detail) => this.#log.info(detail, message) });
      const link = this.#link(identity, engine, table, files, pages);
      await link.listen(this.#config.link.host, this.#config.link.port);
      await table.recover();
      const placements = new Placements({ engine, network, table, files, control, log: this.#log });
      const heartbeats = new Heartbeats({ control, inventory, engine, placements, rules, log: this.#log });
      const metrics = new Metrics({ control, engine, diskPath: inventory.engineRoot, log: this.#log });
      const activities = new ActivityRunner({
        identity,
        engine,
        network,
        files,
        memory,
        pages,
        table,
        control,
        placements,
        failpoint: async (point) => (await Failpoints.load(runDir)).hit(point),
        log: this.#log,
      });
      this.#parts = [activities, metrics, heartbeats, placements, link, listener, control];
      heartbeats.start();
      metrics.start();
      await placements.start(this.#stop.signal, () => heartbeats.tell());
      this.#watchExits(engine, placements, control);
      this.#log.info({ device: identity.deviceId }, 'ready');
      await activities.run(this.#stop.signal);
    } finally {
      for (const part of this.#parts) await part.close();
      await lock.release();
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return Promise.resolve();
  }

  /** The rules of the network, before any gate is opened. */
  async #rules(identity: StoredIdentity, engine: Engine, control: ControlClient): Promise<DeviceRules> {
    const { bridge, stateDir, link } = this.#config;
    const rules = new DeviceRules({
      bridge,
      path: join(stateDir, 'network.json'),
      kept: [SSH_PORT, ...servicePorts(`${link.host}:${String(link.port)}`)],
      controlHosts: [
        new URL(controlUrlOf(this.#config, identity)).hostname,
        linkHost(identity.temporal.address),
      ],
      fetch: () => control.network(),
      log: (message, detail) => this.#log.warn(detail, message),
    });
    await rules.start((await engine.listComputes()).map(({ spec }) => spec));
    return rules;
  }

  /** Applies the restart policies; the engine's own are off, for a move must not trigger them. */
  #watchExits(engine: Engine, placements: Placements, control: ControlClient): void {
    const deps = {
      engine,
      mayStart: (computeId: string) => placements.mayStart(computeId),
      start: (computeId: string) => placements.startAgain(computeId),
      onExit: ({ computeId, exitCode, restarting, restarts, reason }: ReportedExit) => {
        this.#log.info({ computeId, exitCode, restarting, restarts, reason }, 'a compute ended');
        control
          .exited({ computeId, exitCode, restarting, restarts })
          .catch((error: unknown) =>
            this.#log.warn({ computeId, error: String(error) }, 'an exit was not reported'),
          );
      },
    };
    runRestarter(deps, this.#stop.signal);
  }

  #link(
    identity: StoredIdentity,
    engine: Engine,
    table: TransferTable,
    files: FileSync,
    pages: PageStores,
  ): LinkServer {
    return new LinkServer(linkIdentity(identity), {
      device: async (request: LinkRequest) => {
        if (await table.serve(request)) return;
        if ((await files.serve(request)) || (await pages.serve(request))) return;
        request.stream.respond({ ':status': 404 });
        request.stream.end();
      },
      control: async (request, response) => {
        if (!(await handleHttp(engine, request, response))) response.writeHead(404).end();
      },
      controlUpgrade: (request, socket, head) => {
        if (!handleUpgrade(engine, request, socket, head)) socket.destroy();
      },
      log: (message, detail) => this.#log.info(detail, message),
    });
  }
}
