import type { z } from 'zod';
import type { Body } from '../../../client/createClient.ts';
import { createComputeRequestSchema, updateComputeRequestSchema } from '../../../core/api/computes.ts';
import { memorySizeSchema } from '../../../core/memorySize.ts';
import { formIssues, type FormErrors } from './formIssues.ts';
import type { Compute } from '../state/collections.ts';
import { splitWords } from './splitWords.ts';
import { commandWords } from './words.ts';

export interface PairRow {
  key: string;
  value: string;
}
export interface PortRow {
  host: string;
  compute: string;
  protocol: string;
}
export interface VolumeRow {
  name: string;
  path: string;
}
export interface TmpfsRow {
  path: string;
  size: string;
}

/** What may be changed later, too; numbers and sizes as they are typed. */
export interface SettingsForm {
  memory: string;
  cpus: string;
  pids: string;
  labels: PairRow[];
  restart: string;
  maximumRetries: string;
  check: {
    on: boolean;
    command: string;
    interval: string;
    timeout: string;
    retries: string;
    startPeriod: string;
  };
}

export interface ComputeForm extends SettingsForm {
  name: string;
  image: string;
  /** Empty: chosen by Drayage. */
  device: string;
  group: string;
  command: string;
  env: PairRow[];
  ports: PortRow[];
  volumes: VolumeRow[];
  tmpfs: TmpfsRow[];
  capabilities: string[];
  /** What becomes of it when its device is lost. */
  lost: 'wait' | 'restart' | 'checkpoint';
  /** Between two checkpoints. */
  everySeconds: string;
}

export function emptySettings(): SettingsForm {
  return {
    ...{ memory: '', cpus: '', pids: '', labels: [], restart: 'no', maximumRetries: '' },
    check: { on: false, command: '', interval: '', timeout: '', retries: '', startPeriod: '' },
  };
}

export function emptyForm(): ComputeForm {
  return {
    ...emptySettings(),
    ...{ name: '', image: '', device: '', group: '', command: '' },
    ...{ env: [], ports: [], volumes: [], tmpfs: [], capabilities: [] },
    ...{ lost: 'wait', everySeconds: '10' },
  };
}

export type ReadForm<Request> =
  { request: Request; errors: Record<string, never> } | { request: null; errors: FormErrors };

/** What the form asks for, or what is wrong with which field (`ports.1.host`), by the API's own rules. */
export function readComputeForm(form: ComputeForm): ReadForm<Body<'/computes', 'post'>> {
  const { name, image, device, group, capabilities } = form;
  const env = filled(form.env);
  const raw = {
    ...{ name, image, capabilities },
    ...(device === '' ? {} : { device }),
    ...(group === '' ? {} : { group }),
    ...(form.command.trim() === '' ? {} : { command: splitWords(form.command) ?? OPEN_QUOTE }),
    env: pairs(env),
    ports: form.ports
      .filter(isFilled)
      .map(({ host, compute, protocol }) => ({ host: number(host), compute: number(compute), protocol })),
    volumes: form.volumes.filter(isFilled),
    tmpfs: form.tmpfs.filter(isFilled).map(({ path, size }) => ({ path, sizeBytes: bytes(size) })),
    ...protectionOf(form),
    ...settingsOf(form),
  };
  return read(createComputeRequestSchema, raw, form);
}

function protectionOf({ lost, everySeconds }: ComputeForm): Pick<Body<'/computes', 'post'>, 'protection'> {
  if (lost === 'wait') return {};
  if (lost === 'restart') return { protection: { kind: 'restart' } };
  return { protection: { kind: 'checkpoint', everySeconds: number(everySeconds) } };
}

/** The same of a change; labels that are gone are taken away. */
export function readSettingsForm(
  form: SettingsForm,
  before: { labels: Readonly<Record<string, string>>; hasCheck: boolean },
): ReadForm<Body<'/computes/{id}', 'patch'>> {
  const settings = settingsOf(form);
  const gone = Object.keys(before.labels).filter((key) => !(key in settings.labels));
  const raw = {
    ...settings,
    labels: { ...settings.labels, ...Object.fromEntries(gone.map((key) => [key, null])) },
    ...(before.hasCheck && !form.check.on ? { healthCheck: null } : {}),
  };
  return read(updateComputeRequestSchema, raw, form);
}

/** Stands for a command whose quotes are not closed, which the schema refuses. */
const OPEN_QUOTE = 'openQuote';

function settingsOf(form: SettingsForm) {
  const { check, restart } = form;
  const retries = restart === 'on-failure' ? form.maximumRetries : '';
  return {
    ...(form.memory === '' ? {} : { memoryBytes: bytes(form.memory) }),
    ...(form.cpus === '' ? {} : { cpus: number(form.cpus) }),
    ...(form.pids === '' ? {} : { pids: number(form.pids) }),
    labels: pairs(filled(form.labels)),
    restartPolicy: { name: restart, ...(retries === '' ? {} : { maximumRetries: number(retries) }) },
    ...(check.on
      ? {
          healthCheck: {
            command: splitWords(check.command) ?? OPEN_QUOTE,
            ...(check.interval === '' ? {} : { intervalSeconds: number(check.interval) }),
            ...(check.timeout === '' ? {} : { timeoutSeconds: number(check.timeout) }),
            ...(check.retries === '' ? {} : { retries: number(check.retries) }),
            ...(check.startPeriod === '' ? {} : { startPeriodSeconds: number(check.startPeriod) }),
          },
        }
      : {}),
  };
}

function read<Schema extends z.ZodType, Request = z.input<Schema>>(
  schema: Schema,
  raw: unknown,
  form: Partial<ComputeForm> & SettingsForm,
): ReadForm<Request> {
  const parsed = schema.safeParse(raw);
  const errors = { ...(parsed.success ? {} : formIssues(parsed.error.issues, form)), ...twice(form) };
  if (Object.keys(errors).length > 0) return { request: null, errors };
  return { request: raw as Request, errors: {} };
}

/** Names that stand there twice: as an object the last one would have won unseen. */
function twice({ env = [], labels }: Partial<ComputeForm> & SettingsForm): FormErrors {
  const errors: FormErrors = {};
  for (const [field, rows] of [
    ['env', env],
    ['labels', labels],
  ] as const) {
    rows.forEach(({ key }, at) => {
      if (key !== '' && rows.findIndex((row) => row.key === key) < at)
        errors[`${field}.${String(at)}.key`] = 'This name stands there already.';
    });
  }
  return errors;
}

/** A row that nothing was typed into is none; what was chosen from a list is not typed. */
export function isFilled(row: object): boolean {
  return Object.entries(row).some(([name, text]) => name !== 'protocol' && text !== '');
}

const filled = (rows: readonly PairRow[]) => rows.filter(isFilled);
const pairs = (rows: readonly PairRow[]): Record<string, string> =>
  Object.fromEntries(rows.map(({ key, value }) => [key, value]));
const number = (text: string) => (text.trim() === '' ? NaN : Number(text));
const bytes = (text: string) => memorySizeSchema.safeParse(text).data ?? NaN;

/** The form as a compute has its settings now. */
export function settingsFormOf(compute: Compute): SettingsForm {
  const { memoryBytes, cpus, pids, labels, restartPolicy, healthCheck: check } = compute;
  const { name, maximumRetries } = restartPolicy;
  return {
    memory: memoryBytes === undefined ? '' : sizeText(memoryBytes),
    cpus: cpus === undefined ? '' : String(cpus),
    pids: String(pids),
    labels: Object.entries(labels).map(([key, value]) => ({ key, value })),
    restart: name,
    maximumRetries: maximumRetries === 0 ? '' : String(maximumRetries),
    check: {
      on: check !== undefined,
      command: commandWords(check?.command ?? []),
      interval: String(check?.intervalSeconds ?? ''),
      timeout: String(check?.timeoutSeconds ?? ''),
      retries: String(check?.retries ?? ''),
      startPeriod: String(check?.startPeriodSeconds ?? ''),
    },
  };
}

/** As it is typed, in the largest unit that loses nothing. */
function sizeText(size: number): string {
  const [unit = '', bytes = 1] =
    Object.entries({ g: 2 ** 30, m: 2 ** 20, k: 2 ** 10 }).find(([, one]) => size % one === 0) ?? [];
  return `${String(size / bytes)}${unit}`;
}
