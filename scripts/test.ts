/** `npm test`: every stage, one after the other; its last line is `N passed, N failed` over all of them. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

interface Count {
  passed: number;
  failed: number;
}

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  numFailedTestSuites: z.number(),
});

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
let stopped = false;

interface Stage {
  name: string;
  run: () => Promise<Count>;
}

/** One after the other; those of an inner list side by side, for each keeps one processor at work. */
const STAGES: Stage[][] = [
  [
    { name: 'lint', run: () => check('eslint', ['.']) },
    { name: 'format', run: () => check('prettier', ['--check', '--log-level', 'warn', '.']) },
    { name: 'types', run: () => check('tsc', ['--noEmit']) },
    { name: 'web types', run: () => check('svelte-check', ['--tsconfig', 'web/tsconfig.json']) },
    {
      name: 'unused',
      run: () => check('knip', ['--no-progress', '--include', 'files,dependencies,unlisted,unresolved']),
    },
  ],
  [{ name: 'unit', run: () => vitest('unit') }],
  [{ name: 'integration', run: () => vitest('integration') }],
  [{ name: 'browser', run: () => vitest('browser') }],
  [{ name: 'lab', run: () => vitest('lab') }],
];

/** A tool that either agrees or does not: one test. It says nothing where it agrees. */
async function check(tool: string, args: string[]): Promise<Count> {
  const code = await runTool(tool, args);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function vitest(project: string): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-test-'));
  const report = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await runTool('vitest', ['run', '--project', project, ...reporters]);
    return countTests(await readFile(report, 'utf8').catch(() => ''), code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What Vitest's report says; a failure that is no test's (a file that does not load, a failed hook) counts as one. */
function countTests(text: string, code: number): Count {
  if (text === '') return { passed: 0, failed: 1 };
  const report = reportSchema.parse(JSON.parse(text));
  const skipped = process.env['CI'] === 'true' ? report.numPendingTests + report.numTodoTests : 0;
  const failed = report.numFailedTests + skipped;
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

function runTool(tool: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: 'inherit' });
    // The stage ends in its own way (the lab's removes its labs), and no other is begun.
    const stop = (signal: NodeJS.Signals) => {
      stopped = true;
      child.kill(signal);
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
    child.on('error', reject);
    child.on('close', (code) => {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
      resolve(code ?? 1);
    });
  });
}

async function runStage({ name, run }: Stage): Promise<string> {
  const began = performance.now();
  const { passed, failed } = await run();
  total.passed += passed;
  total.failed += failed;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return `${name.padEnd(12)} ${failed === 0 ? 'ok    ' : 'FAILED'} ${seconds} s`;
}

const total: Count = { passed: 0, failed: 0 };
const lines: string[] = [];
for (const stages of STAGES) {
  if (stopped) break;
  process.stdout.write(`\n== ${stages.map(({ name }) => name).join(', ')}\n`);
  lines.push(...(await Promise.all(stages.map(runStage))));
}
process.stdout.write(`\n${lines.join('\n')}\n\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 && !stopped ? 0 : 1;
