import type { Attachment } from 'svelte/attachments';

/**
 * Where what has the focus is taken away, something else in the same place gets it: the first that matches `selector`. Without
 * it the focus would be nowhere, and who does not see the page would not know where they are.
 */
export function keepFocus(selector: string): Attachment<HTMLElement> {
  return (place) => {
    let last: EventTarget | null = null;
    const note = ({ target }: FocusEvent) => (last = target);
    place.addEventListener('focusin', note);
    const watcher = new MutationObserver(() => {
      if (!(last instanceof HTMLElement) || last.isConnected) return;
      last = null;
      if (document.activeElement === document.body) place.querySelector<HTMLElement>(selector)?.focus();
    });
    watcher.observe(place, { childList: true, subtree: true });
    return () => {
      watcher.disconnect();
      place.removeEventListener('focusin', note);
    };
  };
}
