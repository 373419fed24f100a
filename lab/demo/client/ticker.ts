/**
 * Calls `tick` on a fixed schedule: every `intervalMs` counted from the start, not from the last call. Ticks that were
 * missed are left out. Returns what stops it.
 */
export function startTicker(intervalMs: number, tick: () => void): () => void {
  let due = performance.now();
  let timer: NodeJS.Timeout;
  const turn = () => {
    tick();
    const now = performance.now();
    due += intervalMs * Math.max(1, Math.ceil((now - due) / intervalMs));
    timer = setTimeout(turn, due - now);
  };
  timer = setTimeout(turn, 0);
  return () => clearTimeout(timer);
}
