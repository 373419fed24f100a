/**
 * `npm run test:long`, `npm run test:vm`: the files of a project of vitest.config.ts, named by the first argument, one after
 * the other. What has passed at this commit, with the same changes in the work tree, is not run again: a run that was ended
 * goes on where it was, at the test that it was at. `-- --afresh` forgets; `-- PATH...` runs only these files, whether they
 * have passed or not.
 */
import { execFileSync, spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { allBut, forgetPassed, PassedTests } from './passedTests.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [PROJECT = 'long', ...words] = process.argv.slice(2);
const REPORTER = join(ROOT, 'scripts/passedReporter.ts');
const RECORD = join(ROOT, `node_modules/.drayage-${PROJECT}.json`);

const listSchema = z.array(z.object({ file: z.string() }));

/** What the results hold for: the commit, and what differs from it. */
function currentState(): string {
  const git = (...args: string[]) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim();
  return `${git('rev-parse', 'HEAD')} ${git('status', '--porcelain')}`;
}

function listFiles(): string[] {
  const args = ['list', '--project', PROJECT, '--filesOnly', '--json'];
  const listed: unknown = JSON.parse(execFileSync('vitest', args, { cwd: ROOT, encoding: 'utf8' }));
  return [...new Set(listSchema.parse(listed).map(({ file }) => relative(ROOT, file)))];
}

/** Runs a file without those of its tests; each one that passes is written down by the reporter. */
function runFile(file: string, state: string, without: string[]): Promise<boolean> {
  const args = ['run', '--project', PROJECT, file, '--reporter=default', `--reporter=${REPORTER}`];
  if (without.length > 0) args.push('--testNamePattern', allBut(without));
  const env = { ...process.env, DRAYAGE_PASSED_RECORD: RECORD, DRAYAGE_PASSED_STATE: state };
  return new Promise((resolve, reject) => {
    const child = spawn('vitest', args, { stdio: 'inherit', cwd: ROOT, env });
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0));
  });
}

const named = words.filter((word) => !word.startsWith('--'));
if (words.includes('--afresh')) forgetPassed(RECORD);
const state = currentState();
const files = named.length > 0 ? named : listFiles();
let failed = 0;
for (const file of files) {
  const before = new PassedTests(RECORD, state);
  if (named.length === 0 && before.hasFile(file)) {
    process.stdout.write(`${file} passed before\n`);
    continue;
  }
  const without = named.length === 0 ? before.testsOf(file) : [];
  for (const name of without) process.stdout.write(`${name} passed before\n`);
  if (await runFile(file, state, without)) new PassedTests(RECORD, state).addFile(file);
  else failed++;
}
process.stdout.write(`\n${files.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
