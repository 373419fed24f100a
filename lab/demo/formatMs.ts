/** Milliseconds as a person reads them: `0.8 ms`, `97.1 ms`, `132 ms`, `2.4 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(ms >= 100_000 ? 0 : 1)} s`;
  return `${ms.toFixed(ms >= 99.95 ? 0 : 1)} ms`;
}
