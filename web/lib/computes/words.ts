import { formatBytes, formatCpus } from '../format/numbers.ts';
import type { Compute } from '../state/collections.ts';

type Port = Compute['ports'][number];

/** `18080 → 8080/tcp` */
export function portWords({ host, compute, protocol }: Port): string {
  return `${String(host)} → ${String(compute)}/${protocol}`;
}

/** Where a published TCP port is reached: every device has it. `linkAddress`: of a device, `host:port` or `[v6]:port`. */
export function portUrl({ host, protocol }: Port, linkAddress: string): string | null {
  const device = /^(\[.+\]|[^:]+):\d+$/.exec(linkAddress)?.[1];
  return protocol === 'tcp' && device !== undefined ? `http://${device}:${String(host)}` : null;
}

/** `256 MiB`, or that there is none. */
export function memoryWords(bytes: number | null | undefined): string {
  return bytes === undefined || bytes === null ? 'No limit' : formatBytes(bytes);
}

/** `0.5 CPUs`, `1 CPU`, or that there is none. */
export function cpuWords(cpus: number | null | undefined): string {
  if (cpus === undefined || cpus === null) return 'No limit';
  return `${formatCpus(cpus)} ${cpus === 1 ? 'CPU' : 'CPUs'}`;
}

/** A list of words as a person would type them in a shell. */
export function commandWords(command: readonly string[]): string {
  return command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

const POLICIES = { no: 'Never', 'on-failure': 'When it fails', always: 'Always' };

/** What becomes of it when its device is lost. */
export function lossWords(protection: Compute['protection']): string {
  if (protection === undefined) return 'It waits for it';
  if (protection.kind === 'restart') return 'Started afresh on another';
  return `Goes on elsewhere from a checkpoint, taken every ${String(protection.everySeconds)} s`;
}

/** When it is started again. */
export function restartWords({ name, maximumRetries }: Compute['restartPolicy']): string {
  const most = name === 'on-failure' && maximumRetries > 0 ? `, ${String(maximumRetries)} times at most` : '';
  return POLICIES[name] + most;
}
