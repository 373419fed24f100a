/** Does something again and again, for as long as somebody may be looking, and at once when they look again. */
export function whileVisible(periodMs: number, run: () => void): () => void {
  const end = new AbortController();
  const isHidden = () => document.visibilityState === 'hidden';
  const timer = setInterval(() => {
    if (!isHidden()) run();
  }, periodMs);
  document.addEventListener(
    'visibilitychange',
    () => {
      if (!isHidden()) run();
    },
    { signal: end.signal },
  );
  return () => {
    end.abort();
    clearInterval(timer);
  };
}
