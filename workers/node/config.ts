import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { SelfEvacuationLimits } from '../../core/decideSelfEvacuation.ts';

const schema = z.object({
  DRAYAGE_STATE_DIR: z.string().startsWith('/').default('/var/lib/drayage'),
  /** On tmpfs; the runtime wrapper looks there too. */
  DRAYAGE_RUN_DIR: z.string().startsWith('/').default('/run/drayage'),
  /** Without it the control plane is looked for on the local network. */
  DRAYAGE_CONTROL_URL: z.url({ protocol: /^https$/ }).optional(),
  /** Needed once, or else the operator's approval. */
  DRAYAGE_JOIN_TOKEN: z.string().optional(),
  DRAYAGE_DEVICE_NAME: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  DRAYAGE_BRIDGE: z
    .string()
    .regex(/^[\w.-]{1,15}$/)
    .default('br0'),
  DRAYAGE_LINK_LISTEN: z.string().regex(/^[^:]+:\d+$/, 'must be ADDRESS:PORT'),
  DRAYAGE_DOCKER_SOCKET: z.string().startsWith('/').default('/var/run/docker.sock'),
  /** The device asks to be emptied when its battery is emptied and below so many percent; without it never. */
  DRAYAGE_EVACUATE_BATTERY_PERCENT: z.coerce.number().min(1).max(100).optional(),
  /** The same when a thermal zone is hotter, degrees Celsius. */
  DRAYAGE_EVACUATE_CELSIUS: z.coerce.number().min(30).max(150).optional(),
  /** So long it then can wait. */
  DRAYAGE_EVACUATE_DEADLINE_SECONDS: z.coerce.number().int().min(1).max(86_400).default(600),
});

export interface NodeConfig {
  stateDir: string;
  runDir: string;
  controlUrl: string | undefined;
  joinToken: string | undefined;
  name: string;
  bridge: string;
  link: { host: string; port: number };
  dockerSocket: string;
  selfEvacuation: SelfEvacuationLimits & { deadlineSeconds: number };
}

/** Reads the worker's environment. @throws DrayageError that names each variable that is wrong */
export function readNodeConfig(environment: NodeJS.ProcessEnv): NodeConfig {
  // An environment file keeps the lines of what is not given.
  const given = Object.entries(environment).filter(([, value]) => value !== '');
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new DrayageError({
      code: 'badEnvironment',
      message: `The worker's environment is not right: ${wrong}.`,
      mend: 'Set these variables, see docs/architecture.md.',
    });
  }
  const values = parsed.data;
  if (values.DRAYAGE_JOIN_TOKEN !== undefined && values.DRAYAGE_CONTROL_URL === undefined) {
    throw new DrayageError({
      code: 'badEnvironment',
      message: 'There is a join token, but not the address of the control plane that gave it out.',
      mend: 'Set DRAYAGE_CONTROL_URL too; `drayage device token` prints both.',
    });
  }
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
    selfEvacuation: {
      batteryPercent: values.DRAYAGE_EVACUATE_BATTERY_PERCENT ?? null,
      celsius: values.DRAYAGE_EVACUATE_CELSIUS ?? null,
      deadlineSeconds: values.DRAYAGE_EVACUATE_DEADLINE_SECONDS,
    },
  };
}
