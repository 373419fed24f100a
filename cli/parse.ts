import { InvalidArgumentError } from 'commander';
import { memorySizeSchema } from '../core/memorySize.ts';
import { type PublishedPort, publishedPortSchema } from '../core/publishedPorts.ts';

/** Readers of options' values; what they refuse is a wrong use. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

export function memorySize(text: string): number {
  const parsed = memorySizeSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message ?? 'is not a size'}.`);
}

/** Collects an option that may be given several times. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** `K=V`, several times. */
export function keyValue(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `NAME:PATH`, several times. */
export function volume(
  text: string,
  before: { name: string; path: string }[] | undefined,
): { name: string; path: string }[] {
  const match = /^([^:]+):(\/.*)$/.exec(text);
  if (!match) throw new InvalidArgumentError('It must be NAME:PATH with an absolute path.');
  return [...(before ?? []), { name: match[1] ?? '', path: match[2] ?? '' }];
}

/** `HOST:COMPUTE` or `HOST:COMPUTE/udp`, several times. */
export function publishedPort(text: string, before: PublishedPort[] | undefined): PublishedPort[] {
  const [, host, compute, protocol = 'tcp'] = /^(\d+):(\d+)(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const parsed = publishedPortSchema.safeParse({ protocol, host: Number(host), compute: Number(compute) });
  if (parsed.success) return [...(before ?? []), parsed.data];
  throw new InvalidArgumentError('It must be HOST:COMPUTE, or HOST:COMPUTE/udp, with a host port from 1024.');
}

/** `PATH:SIZE`, several times. */
export function tmpfsMount(
  text: string,
  before: { path: string; sizeBytes: number }[] | undefined,
): { path: string; sizeBytes: number }[] {
  const match = /^(\/[^:]*):([^:]+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('It must be PATH:SIZE with an absolute path, e.g. /run:64m.');
  return [...(before ?? []), { path: match[1] ?? '', sizeBytes: memorySize(match[2] ?? '') }];
}

/** A whole number of seconds, or a duration as `90s` or `2m`. */
export function seconds(text: string): number {
  const match = /^(\d{1,5})(s|m|h)?$/.exec(text);
  if (!match) throw new InvalidArgumentError('It must be a duration, e.g. 30s or 2m.');
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's'];
}

/** `no`, `always`, `on-failure` or `on-failure:N`. */
export function restartPolicy(text: string): { name: string; maximumRetries: number } {
  const match = /^(no|always|on-failure)(?::(\d{1,6}))?$/.exec(text);
  const retries = match?.[2];
  if (!match || (retries !== undefined && match[1] !== 'on-failure'))
    throw new InvalidArgumentError('It must be no, always, on-failure or on-failure:N.');
  return { name: match[1] ?? 'no', maximumRetries: Number(retries ?? 0) };
}
