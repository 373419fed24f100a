import { z } from 'zod';

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A size such as `256m`, `1.5g` or `1048576`, as bytes. Units are powers of 1024, as Docker's are. */
export const memorySizeSchema = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match ? Math.round(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? NaN)) : NaN;
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  context.addIssue({
    code: 'custom',
    message: `must be a size such as 256m or 1g, not ${JSON.stringify(text)}`,
  });
  return z.NEVER;
});

/** Bytes as a person reads them: `256 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

/** What a limit in megabits a second leaves; null: there is none. */
export function bytesPerSecond(megabits: number | null): number | null {
  return megabits === null ? null : megabits * 125_000;
}
