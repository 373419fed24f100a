/** How long a page that nobody looks at may wait, milliseconds: browsers give it no frames. */
const HIDDEN_MS = 1_000;

/** Runs something before the next frame is painted, so that much that happens at once is worked on once. */
export function nextFrame(run: () => void): void {
  if (document.visibilityState === 'hidden') setTimeout(run, HIDDEN_MS);
  else requestAnimationFrame(run);
}
