import { posix } from 'node:path';
import { z } from 'zod';

/** What is read and changed of an OCI runtime's config.json; all else is passed through. */
const configSchema = z.looseObject({
  root: z.looseObject({ path: z.string() }),
  hooks: z.unknown().optional(),
  annotations: z.record(z.string(), z.string()).default({}),
  linux: z.looseObject({
    cgroupsPath: z.string().default(''),
    namespaces: z.array(z.looseObject({ type: z.string(), path: z.string().optional() })),
  }),
});

/** Places of the copy. */
export interface BarePlaces {
  /** Root file system. */
  root: string;
  /** A network namespace. */
  network: string;
  /** File of CRIU's settings that hold for no compute in particular. */
  criuConfig: string;
  /** Name of its cgroup, beside that of the original. */
  id: string;
}

/**
 * The config.json of a copy that runs beside the original: in other places, without the engine's hooks. The network
 * namespace stays one that was made by others, as the sandbox's is: CRIU does not dump what is in it.
 */
export function bareConfig(
  original: unknown,
  { root, network, criuConfig, id }: BarePlaces,
): Record<string, unknown> {
  const { hooks: _, ...config } = configSchema.parse(original);
  const namespaces = config.linux.namespaces.map((one) =>
    one.type === 'network' ? { ...one, path: network } : one,
  );
  return {
    ...config,
    annotations: { ...config.annotations, 'org.criu.config': criuConfig },
    root: { ...config.root, path: root },
    linux: { ...config.linux, namespaces, cgroupsPath: siblingCgroup(config.linux.cgroupsPath, id) },
  };
}

/** `parent/name`, or systemd's `slice:prefix:name`. */
function siblingCgroup(path: string, id: string): string {
  const parts = path.split(':');
  if (parts.length === 3) return `${parts[0]}:${parts[1]}:${id}`;
  return posix.join(posix.dirname(path), id);
}
