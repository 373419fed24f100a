let first = true;

/** Gives a page's heading the focus when the page was navigated to, so that it is read out; not when it is the first one. */
export function focusHeading(heading: HTMLElement): void {
  if (first) first = false;
  else heading.focus({ preventScroll: true });
}
