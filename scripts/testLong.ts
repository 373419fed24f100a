/**
 * `npm run test:long`, `npm run test:vm`: the files of a project of vitest.config.ts, named by the first argument, one after
 * the other. What has passed at this commit, with the same changes in the work tree, is not run again: a run that was ended
 * goes on where it was. `-- --afresh` forgets; `-- PATH...` runs only these files, whether they have passed or not.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [PROJECT = 'long', ...words] = process.argv.slice(2);
const RECORD = join(ROOT, `node_modules/.drayage-${PROJECT}.json`);

const listSchema = z.array(z.object({ file: z.string() }));
const recordSchema = z.object({ state: z.string(), passed: z.array(z.string()) });

/** What the results hold for: the commit, and what differs from it. */
function currentState(): string {
  const git = (...args: string[]) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim();
  return `${git('rev-parse', 'HEAD')} ${git('status', '--porcelain')}`;
}

function readPassed(state: string): string[] {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(RECORD, 'utf8')));
    return record.state === state ? record.passed : [];
  } catch {
    return [];
  }
}

function listFiles(): string[] {
  const args = ['list', '--project', PROJECT, '--filesOnly', '--json'];
  const listed: unknown = JSON.parse(execFileSync('vitest', args, { cwd: ROOT, encoding: 'utf8' }));
  return [...new Set(listSchema.parse(listed).map(({ file }) => relative(ROOT, file)))];
}

function runFile(file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('vitest', ['run', '--project', PROJECT, file], { stdio: 'inherit', cwd: ROOT });
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0));
  });
}

const named = words.filter((word) => !word.startsWith('--'));
if (words.includes('--afresh')) rmSync(RECORD, { force: true });
const state = currentState();
const passed = readPassed(state);
const files = named.length > 0 ? named : listFiles();
let failed = 0;
for (const file of files) {
  if (named.length === 0 && passed.includes(file)) {
    process.stdout.write(`${file} passed before\n`);
    continue;
  }
  if (await runFile(file)) {
    passed.push(file);
    writeFileSync(RECORD, JSON.stringify({ state, passed }));
  } else {
    failed++;
  }
}
process.stdout.write(`\n${files.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
