/**
 * `npm run test:long`: the files of test/long one after the other. What has passed at this commit, with a clean work
 * tree, is not run again: a run that was ended goes on where it was. `-- --afresh` forgets.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = 'test/long';
const RECORD = join(ROOT, 'node_modules/.drayage-long.json');

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

function runFile(file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('vitest', ['run', '--project', 'long', file], { stdio: 'inherit', cwd: ROOT });
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0));
  });
}

if (process.argv.includes('--afresh')) rmSync(RECORD, { force: true });
const state = currentState();
const passed = readPassed(state);
const files = readdirSync(join(ROOT, FOLDER)).filter((file) => file.endsWith('.test.ts'));
let failed = 0;
for (const file of files.map((name) => `${FOLDER}/${name}`)) {
  if (passed.includes(file)) {
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
