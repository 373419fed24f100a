const RELOADED = 'drayage.reloadedAt';
/** A page that is not there right after a reload is not there for another reason, milliseconds. */
const AGAIN_MS = 30_000;

/** A part of the dashboard that is not there any more: another version was installed meanwhile. It is loaded as a whole then. */
export function reloadWhenReplaced(): void {
  addEventListener('vite:preloadError', () => {
    const before = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (Date.now() - before < AGAIN_MS) return;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
  });
}
