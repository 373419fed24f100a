import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How much of what a client says on standard error is kept for the report of its failure, characters. */
const LAST_WORDS = 2_000;

/**
 * Listens to a program on the client host that reports in lines. `fail` hears why it cannot go on, also at its end. Resolves
 * when it is gone.
 */
export function followClient(
  child: ChildProcess,
  take: (line: string) => void,
  fail: (reason: string) => void,
): Promise<void> {
  if (child.stdout === null || child.stderr === null) throw new Error('the client needs pipes');
  let words = '';
  createInterface({ input: child.stdout }).on('line', take);
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-LAST_WORDS)));
  child.stdin?.on('error', () => {});
  child.once('error', (error) => fail(error.message));
  child.once('close', (code) => fail(`It ended with exit code ${code}. ${words.trim()}`));
  return new Promise((resolve) => child.once('close', () => resolve()));
}
