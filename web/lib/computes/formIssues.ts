import type { z } from 'zod';
import { formatBytes } from '../format/numbers.ts';
import { type ComputeForm, isFilled, type SettingsForm } from './form.ts';

/** What is wrong with a field, by its name: `name`, `ports.1.host`. */
export type FormErrors = Record<string, string>;

/** The request's names for what the form has another name for. */
const FIELDS: Record<string, string> = {
  memoryBytes: 'memory',
  sizeBytes: 'size',
  'restartPolicy.maximumRetries': 'maximumRetries',
  protection: 'lost',
  'protection.everySeconds': 'everySeconds',
  'healthCheck.command': 'check.command',
  'healthCheck.intervalSeconds': 'check.interval',
  'healthCheck.timeoutSeconds': 'check.timeout',
  'healthCheck.retries': 'check.retries',
  'healthCheck.startPeriodSeconds': 'check.startPeriod',
};
/** Tables in the request, rows in the form. */
const PAIRS = ['env', 'labels'] as const;
const LISTS = ['ports', 'volumes', 'tmpfs'] as const;

/** Which field of the form each issue is about, and words for it. */
export function formIssues(
  issues: readonly z.core.$ZodIssue[],
  form: Partial<ComputeForm> & SettingsForm,
): FormErrors {
  const errors: FormErrors = {};
  for (const issue of issues) {
    const field = fieldOf(issue, form);
    errors[field] ??= wordsFor(issue, field);
  }
  return errors;
}

function fieldOf({ path, code }: z.core.$ZodIssue, form: Partial<ComputeForm> & SettingsForm): string {
  const [first = '', second, third] = path.map(String);
  const pair = PAIRS.find((name) => name === first);
  if (pair !== undefined && second !== undefined) {
    const at = (form[pair] ?? []).findIndex(({ key }) => key === second);
    return `${pair}.${String(at)}.${code === 'invalid_key' ? 'key' : 'value'}`;
  }
  const list = LISTS.find((name) => name === first);
  if (list !== undefined && second !== undefined) {
    // Rows that nothing was typed into are not in the request.
    const rows = (form[list] ?? []).map((row, at) => ({ row, at })).filter(({ row }) => isFilled(row));
    const at = rows[Number(second)]?.at ?? 0;
    return [list, String(at), FIELDS[third ?? ''] ?? third].join('.');
  }
  return FIELDS[`${first}.${second ?? ''}`] ?? FIELDS[first] ?? first;
}

function wordsFor(issue: z.core.$ZodIssue, field: string): string {
  if (field === 'image') return 'Choose an image.';
  if (/command$/.test(field) && issue.code === 'invalid_type') return 'A quote is not closed.';
  const isSize = /memory$|size$/.test(field);
  const amount = (value: number | bigint) => (isSize ? formatBytes(Number(value)) : String(value));
  if (issue.code === 'invalid_type') return isSize ? 'A size such as 256m or 1g.' : 'A number.';
  if (issue.code === 'too_small') {
    if (issue.origin === 'string' || issue.origin === 'array') return 'Must not be empty.';
    return issue.inclusive === false
      ? `More than ${amount(issue.minimum)}.`
      : `At least ${amount(issue.minimum)}.`;
  }
  if (issue.code === 'too_big') {
    const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' of them' : '';
    return `At most ${amount(issue.maximum)}${unit}.`;
  }
  // A name of a table's entry is refused with the reasons within.
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  if (message.startsWith('Invalid string: must start with')) return 'Must begin with /.';
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1).replace(/\.$/, '')}.`;
}

/** Which field a refusal of the API is about, by its code; null: about the whole. */
export function fieldOfCause(code: string): string | null {
  const fields: Record<string, string> = {
    nameTaken: 'name',
    unknownImage: 'image',
    ambiguousImage: 'image',
    noCommand: 'command',
    unknownDevice: 'device',
    ambiguousDevice: 'device',
    deviceNotReady: 'device',
    deviceUnreachable: 'device',
    outOfMemory: 'device',
    outOfDisk: 'device',
    unknownGroup: 'group',
    groupElsewhere: 'group',
    portTaken: 'ports',
    portReserved: 'ports',
    tooManyPorts: 'ports',
  };
  return fields[code] ?? null;
}

/** Those to be shown: until somebody has tried to send it, what is still empty is not wrong. */
export function shownErrors(errors: FormErrors, form: object, sent: boolean): FormErrors {
  if (sent) return errors;
  return Object.fromEntries(Object.entries(errors).filter(([field]) => valueAt(form, field) !== ''));
}

function valueAt(form: object, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], form);
}
