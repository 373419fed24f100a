import { glob, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import { volumeName } from './containerOptions.ts';
import { overlayAt, parseMountInfo } from './mountInfo.ts';
import type { ContainerFacts } from './types.ts';

/** What the runtime wrapper leaves at `create`: <runDir>/runtime/<container>.json. */
const runtimeRecordSchema = z.object({ root: z.string().min(1), bundle: z.string().min(1) });

/** Where dockerd and containerd of common installations keep runc's state and the bundles, if there is no record. */
const STATE_PATTERNS = ['/run/docker/runtime-*/moby', '/run/containerd/runc/moby'];
const BUNDLE_PATTERNS = [
  '/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby',
  '/run/containerd/io.containerd.runtime.v2.task/moby',
];

/** What of a container does not change while it exists, and what `facts` reads anew each time. */
export type FixedFacts = Pick<
  ContainerFacts,
  'computeId' | 'containerId' | 'logPath' | 'upperDir' | 'mergedDir' | 'volumes' | 'tmpfs'
>;
export type ChangingFacts = Pick<ContainerFacts, 'state' | 'pid' | 'exitCode' | 'runcRoot' | 'bundle'>;

/** @param dockerRoot the engine's data directory; it names the log before the container has first started */
export async function gatherFixed(
  inspected: ContainerInspectInfo,
  computeId: string,
  dockerRoot: string,
  volumes: readonly string[],
): Promise<Omit<FixedFacts, 'tmpfs'>> {
  const containerId = inspected.Id;
  const layer = await findLayer(inspected);
  return {
    computeId,
    containerId,
    logPath: inspected.LogPath || join(dockerRoot, 'containers', containerId, `${containerId}-json.log`),
    ...layer,
    volumes: volumes.map((name) => {
      const mount = inspected.Mounts.find((one) => one.Name === volumeName(computeId, name));
      if (!mount) throw unclear(`the directory of volume ${name}`);
      return { name, directory: mount.Source };
    }),
  };
}

export async function gatherChanging(
  containerId: string,
  state: { Status: string; Pid: number; ExitCode: number },
  runDir: string,
): Promise<ChangingFacts> {
  const { runcRoot, bundle } = await findRuntime(containerId, runDir);
  const runs = state.Pid > 0;
  return {
    state: stateOf(state.Status),
    pid: state.Pid,
    exitCode: state.ExitCode,
    runcRoot,
    bundle: runs ? bundle : null,
  };
}

/** The engine's word for a state; `restarting` and `removing` do not run. */
export function stateOf(status: string): ContainerFacts['state'] {
  if (status === 'created' || status === 'running' || status === 'paused' || status === 'exited')
    return status;
  return status === 'restarting' ? 'exited' : 'dead';
}

/**
 * The writable layer, as the engine says and, while the container runs, as the kernel has mounted it. Where the engine
 * does not say (containerd's image store), the kernel is asked alone.
 */
async function findLayer(
  inspected: ContainerInspectInfo,
): Promise<Pick<ContainerFacts, 'upperDir' | 'mergedDir'>> {
  const data: Record<string, string> = inspected.GraphDriver?.Data ?? {};
  const said = { upperDir: data['UpperDir'] ?? '', mergedDir: data['MergedDir'] ?? '' };
  if (inspected.State.Pid === 0) {
    if (said.upperDir) return said;
    throw unclear('the writable layer of a container that does not run');
  }
  const inside = parseMountInfo(await readFile(`/proc/${inspected.State.Pid}/mountinfo`, 'utf8'));
  const upperDir = overlayAt(inside, '/')?.options['upperdir'];
  if (!upperDir) throw unclear('the writable layer (only overlay can be moved)');
  if (said.upperDir && !(await isSame(said.upperDir, upperDir))) {
    throw unclear(`the writable layer: the engine says ${said.upperDir}, the kernel ${upperDir}`);
  }
  if (said.upperDir) return said;
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  const merged = mounts.find((mount) => mount.type === 'overlay' && mount.options['upperdir'] === upperDir);
  if (!merged) throw unclear('the mount point of the writable layer');
  return { upperDir, mergedDir: merged.mountPoint };
}

/** Relative paths (the engine shortens long option lists so) cannot be compared, and count as the same. */
async function isSame(one: string, other: string): Promise<boolean> {
  if (one === other || !other.startsWith('/')) return true;
  const [first, second] = await Promise.all([stat(one).catch(() => null), stat(other).catch(() => null)]);
  return first !== null && second !== null && first.ino === second.ino && first.dev === second.dev;
}

async function findRuntime(
  containerId: string,
  runDir: string,
): Promise<{ runcRoot: string; bundle: string | null }> {
  const record = await readFile(join(runDir, 'runtime', `${containerId}.json`), 'utf8').catch(() => null);
  if (record) {
    const { root, bundle } = runtimeRecordSchema.parse(JSON.parse(record));
    return { runcRoot: root, bundle };
  }
  const state = await first(STATE_PATTERNS.map((pattern) => `${pattern}/${containerId}/state.json`));
  const bundle = await first(BUNDLE_PATTERNS.map((pattern) => `${pattern}/${containerId}/config.json`));
  return { runcRoot: state ? dirname(dirname(state)) : '', bundle: bundle ? dirname(bundle) : null };
}

async function first(patterns: string[]): Promise<string | null> {
  for await (const path of glob(patterns)) return path;
  return null;
}

function unclear(what: string): DrayageError {
  return new DrayageError({
    code: 'containerUnclear',
    message: `Cannot find ${what}.`,
    mend: 'Use the overlay2 storage driver on the device.',
  });
}
