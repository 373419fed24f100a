/** Where the lab says what it is doing. */
export interface Progress {
  say(line: string): void;
  /** Does the work; when it takes over two seconds, says so while it runs and how long it took. */
  step<T>(label: string, work: () => Promise<T>): Promise<T>;
}

/** Work quicker than this, milliseconds, is not worth a line. */
const WORTH_SAYING_MS = 2_000;

export function makeProgress(write: (line: string) => void): Progress {
  return {
    say: write,
    async step(label, work) {
      const began = performance.now();
      const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
      const timer = setTimeout(() => write(`${label} ...`), WORTH_SAYING_MS);
      try {
        const result = await work();
        if (performance.now() - began >= WORTH_SAYING_MS) write(`${label}: ${seconds()}`);
        return result;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

export const SILENT: Progress = makeProgress(() => {});
