import type { Attachment } from 'svelte/attachments';

const TRAVEL_MS = 450;
/** Where computes that move were seen last, in the page; few, for only those are noted. */
const seen = new Map<string, { device: string; x: number; y: number }>();

/** Notes where a compute that moves is shown. */
export function depart(compute: string, device: string, element: HTMLElement): void {
  const { left, top } = element.getBoundingClientRect();
  seen.set(compute, { device, x: left + scrollX, y: top + scrollY });
}

/** The compute whose chip had the focus when it was taken away, until the end of that turn. */
let focused: string | null = null;

/**
 * Lets a chip that is shown for the first time on another device come from where it was; who wants less motion sees it there.
 * The focus comes with it.
 */
export function arrive(compute: string, device: string): Attachment<HTMLElement> {
  return (element) => {
    if (focused === compute || chipWithFocus() === compute) element.focus({ preventScroll: true });
    travel(compute, device, element);
    return () => {
      if (document.activeElement !== element) return;
      focused = compute;
      setTimeout(() => (focused = null));
    };
  };
}

function chipWithFocus(): string | undefined {
  const at = document.activeElement;
  return at instanceof HTMLElement ? at.dataset['compute'] : undefined;
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
