import type { Attachment } from 'svelte/attachments';

const TRAVEL_MS = 450;
/** Where computes that move were seen last, in the page; few, for only those are noted. */
const seen = new Map<string, { device: string; x: number; y: number }>();

/** Notes where a compute that moves is shown. */
export function depart(compute: string, device: string, element: HTMLElement): void {
  const { left, top } = element.getBoundingClientRect();
  seen.set(compute, { device, x: left + scrollX, y: top + scrollY });
}

/** The chip that had the focus last. */
let focused: HTMLElement | null = null;

/**
 * Lets a chip that is shown for the first time on another device come from where it was; who wants less motion sees it there.
 * The focus comes with it.
 */
export function arrive(compute: string, device: string): Attachment<HTMLElement> {
  return (chip) => {
    const note = () => (focused = chip);
    chip.addEventListener('focus', note);
    travel(compute, device, chip);
    return () => {
      chip.removeEventListener('focus', note);
      // Once all that changes now has changed: which of the two chips comes or goes first is not known.
      setTimeout(() => follow(compute, chip));
    };
  };
}

/** A chip that had the focus and is gone hands it to the one that is there instead. */
function follow(compute: string, chip: HTMLElement): void {
  if (focused !== chip || chip.isConnected) return;
  focused = null;
  if (document.activeElement !== document.body) return;
  const there = document.querySelector<HTMLElement>(`[data-compute="${compute}"]`);
  there?.focus({ preventScroll: true });
}

function travel(compute: string, device: string, element: HTMLElement): void {
  const from = seen.get(compute);
  if (from === undefined || from.device === device) return;
  seen.delete(compute);
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const { left, top } = element.getBoundingClientRect();
  const [x, y] = [from.x - left - scrollX, from.y - top - scrollY];
  element.animate(
    [
      { transform: `translate(${String(x)}px, ${String(y)}px)`, zIndex: 5 },
      { transform: 'none', zIndex: 5 },
    ],
    { duration: TRAVEL_MS, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' },
  );
}
