import { join } from 'node:path';
import { servicePorts } from '../core/device.ts';
import { externalDescriptors } from './checkpoint/armedDump.ts';
import { findFreezer, killFrozen } from './checkpoint/cgroupFreezer.ts';
import { endForeign, isForeignInside } from './checkpoint/foreignProcesses.ts';
import { CheckpointServer } from './checkpoints/checkpointServer.ts';
import { CheckpointStore } from './checkpoints/checkpointStore.ts';
import type { Device, Joining, Machine } from './device.ts';
import { createAppBuilder } from './engine/appBuilder.ts';
import { createEngine } from './engine/createEngine.ts';
import type { Engine } from './engine/types.ts';
import { type Failpoint, Failpoints } from './failpoints.ts';
import { FileSync } from './files/fileSync.ts';
import { TmpfsMounts } from './files/tmpfsMounts.ts';
import { ImageServer } from './images/imageServer.ts';
import { InventoryReader } from './inventory.ts';
import { Leases } from './lease/leases.ts';
import { PeerLeases } from './lease/peerLeases.ts';
import { nftGate } from './lease/nftGate.ts';
import { MemoryMoves } from './memory/memoryMoves.ts';
import { PageListener } from './memory/pageListener.ts';
import { PageStores } from './memory/pageStores.ts';
import { throttle } from './memory/throttle.ts';
import { computeCounters, deviceCounters } from './metrics/counters.ts';
import { ComputeNetwork } from './network/computeNetwork.ts';
import { DeviceRules } from './network/deviceRules.ts';
import { SourceMember } from './ownership/sourceMember.ts';
import { TargetMember } from './ownership/targetMember.ts';
import { endEarlierHelpers, prepareRunDirectory } from './prepareRunDirectory.ts';
import { waitForLock } from './processLock.ts';
import { thawMarked } from './snapshots/freezeMarks.ts';
import { createSnapshots } from './snapshots/snapshots.ts';
import { measureDisk, measureUsage } from './usage.ts';

/** The operator's way in. */
const SSH_PORT = 22;

export interface MachineOptions {
  stateDir: string;
  runDir: string;
  bridge: string;
  /** Where the link listens; the memory of computes that arrive comes in on the port beside it. */
  link: { host: string; port: number };
  dockerSocket: string;
  /** Drayage's own version. */
  version: string;
  log: (message: string, detail: Record<string, unknown>) => void;
}

/**
 * This machine, for one worker: waits until an earlier worker has ended, and ends what that one left running.
 * @throws when engine, CRIU or runc do not answer
 */
export async function openRealMachine(options: MachineOptions): Promise<Machine> {
  const { runDir, dockerSocket, link, version, log } = options;
  const lock = await waitForLock('worker', ({ pid }) =>
    log('another worker runs on this device; waiting for its end', { pid }),
  );
  try {
    await prepareRunDirectory(runDir);
    await endEarlierHelpers(runDir);
    const engine = createEngine({ dockerSocket, runDir });
    const linkAddress = `${link.host}:${link.port}`;
    const inventory = await InventoryReader.start({ dockerSocket, linkAddress, version });
    return {
      inventory: () => inventory.read(),
      join: (joining) => joined(options, engine, inventory.engineRoot, joining),
      release: () => lock.release(),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function joined(
  { stateDir, runDir, bridge, link, dockerSocket, log }: MachineOptions,
  engine: Engine,
  engineRoot: string,
  { identity, controlHosts, fetchNetwork, allowedImage, checkpointSource }: Joining,
): Promise<Device> {
  await thawMarked(runDir, engine);
  const mounts = new TmpfsMounts(join(runDir, 'tmpfs'));
  const workRoot = join(stateDir, 'sync');
  const failpoint = async (point: Failpoint) => (await Failpoints.load(runDir)).hit(point);
  const files = new FileSync({ engine, workRoot, mounts, identity });
  await files.clear();
  const listener = new PageListener();
  // Beside the link's own: a firewall lets both through.
  await listener.listen(link.host, link.port === 0 ? 0 : link.port + 1);
  const memory = new MemoryMoves({ engine, identity, runDir });
  const pages = new PageStores({ root: join(runDir, 'pages'), listener, identity, log });
  await pages.recover();
  const rules = new DeviceRules({
    bridge,
    path: join(stateDir, 'network.json'),
    kept: [SSH_PORT, ...servicePorts(`${link.host}:${String(link.port)}`)],
    controlHosts,
    fetch: fetchNetwork,
    log: (message, detail) => log(message, { ...detail }),
  });
  const here = (await engine.listComputes()).map(({ spec }) => spec);
  const leases = new Leases(nftGate, join(stateDir, 'lease.json'));
  // Before any gate is opened.
  await rules.start(here);
  await leases.start(here);
  const network = new ComputeNetwork(bridge, rules, leases);
  const images = new ImageServer({ engine, allowedImage });
  const checkpoints = new CheckpointStore(join(stateDir, 'checkpoints'));
  const peerLeases = new PeerLeases(stateDir);
  await peerLeases.start();
  const keeper = new CheckpointServer({
    ...{ store: checkpoints, leases: peerLeases, sourceOf: checkpointSource },
    isHere: async (computeId) => (await engine.facts(computeId)) !== null,
  });
  const deps = { runDir, engine, network, files, memory, pages, log };
  return {
    ...{ engine, network, files, memory, pages, leases, checkpoints, peerLeases },
    builder: createAppBuilder(dockerSocket),
    snapshots: createSnapshots({ runDir, workRoot, engine, network, mounts, failpoint }),
    members: {
      source: (request, spec) => new SourceMember(deps, request, spec),
      target: (request, spec) => new TargetMember(deps, request, spec),
    },
    usage: (spec) => measureUsage(engine, spec),
    async descriptors(computeId) {
      const facts = await engine.facts(computeId);
      return facts && facts.pid > 0 ? externalDescriptors(facts.runcRoot, facts.containerId) : null;
    },
    async hasForeigners(computeId) {
      const facts = await engine.facts(computeId);
      return facts !== null && facts.pid > 0 && isForeignInside(facts.pid);
    },
    async endForeigners(computeId) {
      const facts = await engine.facts(computeId);
      if (facts && facts.pid > 0) await endForeign(facts.pid);
    },
    followNetwork: (version) => rules.follow(version),
    throttle: (spec, share) => throttle(engine, spec, share),
    releaseFrozen: (computeId) =>
      pages.release(computeId, async () => {
        const facts = await engine.facts(computeId);
        if (facts && facts.pid > 0) await killFrozen(await findFreezer(facts.pid));
      }),
    counters: () => deviceCounters(engineRoot),
    async computeCounters(computeId, diskBytes) {
      const facts = await engine.facts(computeId);
      if (!facts || facts.pid === 0) return null;
      return computeCounters(facts.pid, diskBytes ?? (await measureDisk(facts)));
    },
    failpoint,
    serve: async (request) =>
      (await files.serve(request)) ||
      (await pages.serve(request)) ||
      (await keeper.serve(request)) ||
      images.serve(request),
    close: () => listener.close(),
  };
}
