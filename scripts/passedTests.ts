import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const recordSchema = z.object({
  /** What the results hold for: a commit, and what differs from it. */
  state: z.string(),
  /** Files of which every test has passed. */
  files: z.array(z.string()),
  /** Names of the tests that have passed, of files that have not come to their end. */
  tests: z.record(z.string(), z.array(z.string())),
});

/** What has passed in a state of the checkout, kept in a file; results of another state count for nothing. */
export class PassedTests {
  readonly #path: string;
  readonly #record: z.infer<typeof recordSchema>;

  constructor(path: string, state: string) {
    this.#path = path;
    const kept = readRecord(path);
    this.#record = kept?.state === state ? kept : { state, files: [], tests: {} };
  }

  hasFile(file: string): boolean {
    return this.#record.files.includes(file);
  }

  testsOf(file: string): string[] {
    return this.#record.tests[file] ?? [];
  }

  addTest(file: string, name: string): void {
    this.#record.tests[file] = [...new Set([...this.testsOf(file), name])];
    this.#write();
  }

  addFile(file: string): void {
    delete this.#record.tests[file];
    this.#record.files = [...new Set([...this.#record.files, file])];
    this.#write();
  }

  #write(): void {
    writeFileSync(this.#path, JSON.stringify(this.#record));
  }
}

export function forgetPassed(path: string): void {
  rmSync(path, { force: true });
}

/** A pattern of names, for vitest's --testNamePattern, that fits all but these. */
export function allBut(names: string[]): string {
  return `^(?!(?:${names.map(literally).join('|')})$)`;
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function readRecord(path: string): z.infer<typeof recordSchema> | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}
