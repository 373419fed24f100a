const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * The instant from which a log is wanted: RFC 3339 (`2026-01-31T12:00:00Z`), or how long ago (`90s`, `10m`, `1h30m`, `2d`).
 * Null when it is neither.
 */
export function parseSince(text: string, now: Date): Date | null {
  if (/^(\d{1,7}[smhd])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+)([smhd])/g)];
    const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit as 's'], 0);
    return new Date(Math.max(0, now.getTime() - ms));
  }
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) || at < 0 ? null : new Date(at);
}
