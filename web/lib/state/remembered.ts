/** What this browser remembers for this page; nothing where storage is switched off. */
export const remembered = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(`drayage.${name}`);
    } catch {
      return null;
    }
  },
  set(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(`drayage.${name}`);
      else localStorage.setItem(`drayage.${name}`, value);
    } catch {
      // It is asked again next time.
    }
  },
};
