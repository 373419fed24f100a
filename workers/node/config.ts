import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';

const schema = z.object({
  DRAYAGE_STATE_DIR: z.string().startsWith('/').default('/var/lib/drayage'),
  /** On tmpfs; the runtime wrapper looks there too. */
  DRAYAGE_RUN_DIR: z.string().startsWith('/').default('/run/drayage'),
  DRAYAGE_CONTROL_URL: z.url({ protocol: /^https$/ }),
  /** Needed once. */
  DRAYAGE_JOIN_TOKEN: z.string().optional(),
  DRAYAGE_DEVICE_NAME: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  DRAYAGE_BRIDGE: z
    .string()
    .regex(/^[\w.-]{1,15}$/)
    .default('br0'),
  DRAYAGE_LINK_LISTEN: z.string().regex(/^[^:]+:\d+$/, 'must be ADDRESS:PORT'),
  DRAYAGE_DOCKER_SOCKET: z.string().startsWith('/').default('/var/run/docker.sock'),
});

export interface NodeConfig {
  stateDir: string;
  runDir: string;
  controlUrl: string;
  joinToken: string | undefined;
  name: string;
  bridge: string;
  link: { host: string; port: number };
  dockerSocket: string;
}

/** Reads the worker's environment. @throws DrayageError that names each variable that is wrong */
export function readNodeConfig(environment: NodeJS.ProcessEnv): NodeConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new DrayageError({
      code: 'badEnvironment',
      message: `The worker's environment is not right: ${wrong}.`,
      mend: 'Set these variables, see docs/architecture.md.',
    });
  }
  const values = parsed.data;
  const separator = values.DRAYAGE_LINK_LISTEN.lastIndexOf(':');
  return {
    stateDir: values.DRAYAGE_STATE_DIR,
    runDir: values.DRAYAGE_RUN_DIR,
    controlUrl: values.DRAYAGE_CONTROL_URL,
    joinToken: values.DRAYAGE_JOIN_TOKEN,
    name: values.DRAYAGE_DEVICE_NAME,
    bridge: values.DRAYAGE_BRIDGE,
    link: {
      host: values.DRAYAGE_LINK_LISTEN.slice(0, separator),
      port: Number(values.DRAYAGE_LINK_LISTEN.slice(separator + 1)),
    },
    dockerSocket: values.DRAYAGE_DOCKER_SOCKET,
  };
}
