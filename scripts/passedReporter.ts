import { relative } from 'node:path';
import type { Reporter, TestCase } from 'vitest/node';
import { PassedTests } from './passedTests.ts';

/**
 * Beside vitest's own reporter: writes each test that passes into the record that scripts/testLong.ts names in the
 * environment, at once, and says so, for a file may take hours.
 */
export default class PassedReporter implements Reporter {
  readonly #began = performance.now();

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state === 'skipped') return;
    const seconds = Math.round((performance.now() - this.#began) / 1000);
    process.stdout.write(`${state} after ${seconds} s: ${test.fullName}\n`);
    const { DRAYAGE_PASSED_RECORD: path, DRAYAGE_PASSED_STATE: checkout } = process.env;
    if (state !== 'passed' || path === undefined || checkout === undefined) return;
    new PassedTests(path, checkout).addTest(
      relative(test.project.config.root, test.module.moduleId),
      test.fullName,
    );
  }
}
