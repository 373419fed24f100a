import { z } from 'zod';
import { createComputeRequestSchema } from './api/computes.ts';
import { type Cause, RefusedError } from './cause.ts';
import { memorySizeSchema } from './memorySize.ts';
import { type PublishedPort, publishedPortSchema, publishedPortsSchema } from './publishedPorts.ts';

/** Where an application's archive says what it is. */
export const MANIFEST_NAME = 'drayage.json';
export const MANIFEST_MAX_BYTES = 64 * 2 ** 10;

export const runtimeSchema = z.enum(['node', 'python']);
export type Runtime = z.infer<typeof runtimeSchema>;

const MEND = `Mend ${MANIFEST_NAME}; a right one: {"runtime": "node", "start": ["node", "server.js"], "ports": [{"compute": 8080}]}.`;
const NO_SHELL =
  'No shell runs the command: give the program and its arguments as a list of words, and settings in "env".';

/** What a word means to a shell, and to nobody else. */
const SHELL = /[;|&<>`]|\$[({]/;
const SHELLS = ['sh', 'ash', 'bash', 'dash', 'zsh', 'ksh', 'csh', 'fish', 'busybox'];

const A_LINE = 'must be a list of words, not a line for a shell';
const shellFree = { error: 'holds what only a shell would understand', params: { shell: true } };

const wordSchema = z
  .string()
  .min(1)
  .max(4096)
  .refine((word) => !SHELL.test(word), shellFree)
  .refine((word) => !/\p{Cc}/u.test(word), 'must have no control characters');

const startSchema = z
  .array(wordSchema, {
    error: (issue) => (typeof issue.input === 'string' ? A_LINE : undefined),
  })
  .min(1)
  .max(256)
  .refine(([program = '']) => !SHELLS.includes(program.split('/').at(-1) ?? ''), {
    error: 'begins with a shell',
    params: { shell: true },
  });

const portNumberSchema = z.number().int().min(1).max(65_535);

export const appPortSchema = z.strictObject({
  /** On which the application listens. */
  compute: portNumberSchema,
  /** Of every device, that leads to it; without it the port is reached at the compute's own address. */
  host: publishedPortSchema.shape.host.optional(),
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});

const asked = createComputeRequestSchema.shape;

type AppPort = z.infer<typeof appPortSchema>;

/** The ports of an application that are published. */
export function publishedOf(ports: readonly AppPort[]): PublishedPort[] {
  return ports.flatMap(({ host, ...port }) => (host === undefined ? [] : [{ ...port, host }]));
}

export const appManifestSchema = z.strictObject({
  /** What its compute is called, where the upload does not say it. */
  name: asked.name.optional(),
  /** May be left to the upload. */
  runtime: runtimeSchema.optional(),
  /** The program and its arguments; its working directory is the archive's own. */
  start: startSchema,
  ports: z
    .array(appPortSchema)
    .max(64)
    .refine(
      (ports) => publishedPortsSchema.safeParse(publishedOf(ports)).success,
      'publishes a host port twice, or too many',
    )
    .default([]),
  env: asked.env,
  /** As in `256m`. */
  memory: memorySizeSchema.pipe(asked.memoryBytes.unwrap()).optional(),
  cpus: asked.cpus,
});
export type AppManifest = z.infer<typeof appManifestSchema>;

/** Reads a manifest that a tenant wrote; `text` is null when there is none. @throws RefusedError noManifest, badManifest, shellInManifest */
export function readAppManifest(text: string | null): AppManifest {
  if (text === null) {
    const message = `The archive has no ${MANIFEST_NAME} at its root.`;
    throw new RefusedError([{ code: 'noManifest', message, mend: `Write one. ${MEND}` }]);
  }
  const parsed = appManifestSchema.safeParse(json(text));
  if (parsed.success) return parsed.data;
  const [first, ...rest] = parsed.error.issues.slice(0, 16).map(causeOfIssue);
  throw new RefusedError([first ?? badManifest('is not right'), ...rest]);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError([badManifest('is no JSON')]);
  }
}

function causeOfIssue(issue: z.core.$ZodIssue): Cause {
  const where = issue.path.map(String).join('.').slice(0, 200);
  const what = `${where === '' ? '' : `"${where}" `}${issue.message.slice(0, 300)}`;
  const shell = issue.message === A_LINE || (issue.code === 'custom' && issue.params?.['shell'] === true);
  if (!shell) return badManifest(what);
  return { code: 'shellInManifest', message: `${MANIFEST_NAME}: ${what}.`, mend: NO_SHELL };
}

function badManifest(what: string): Cause {
  return { code: 'badManifest', message: `${MANIFEST_NAME}: ${what}.`, mend: MEND };
}

/** The runtime that upload and manifest agree on. @throws RefusedError noRuntime, runtimeMismatch */
export function runtimeOf(asked: Runtime | undefined, manifest: AppManifest): Runtime {
  const runtime = asked ?? manifest.runtime;
  if (runtime === undefined) {
    const message = `Neither the upload nor ${MANIFEST_NAME} says a runtime.`;
    throw new RefusedError([{ code: 'noRuntime', message, mend: 'Say it: `--runtime node` or `python`.' }]);
  }
  if (manifest.runtime === undefined || manifest.runtime === runtime) return runtime;
  const message = `The upload says ${runtime}, and ${MANIFEST_NAME} says ${manifest.runtime}.`;
  throw new RefusedError([{ code: 'runtimeMismatch', message, mend: 'Let them say the same.' }]);
}
