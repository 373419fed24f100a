import { searchParams } from 'sv-router';

/** A text of the address's query, for filters and tabs: reloaded or sent to somebody, the page is the same. */
export const queryParameter = {
  get(name: string): string {
    // Its own `get` makes numbers of what looks like one.
    return searchParams.toURLSearchParams().get(name) ?? '';
  },
  /** Puts it into the address, or takes it away when it is empty. */
  set(name: string, value: string): void {
    if (value === this.get(name)) return;
    if (value === '') searchParams.delete(name, undefined, { replace: true });
    else searchParams.set(name, value, { replace: true });
  },
};
