import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { problemSchema, type Problem } from '../../core/api/common.ts';
import { until } from '../../core/until.ts';
import { apiUrl } from '../../lab/control.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import type { TestLab } from './support.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/drayage.sh', import.meta.url));
const WORDS_MS = 30_000;

export interface CliOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  done: Promise<CliOutcome>;
  /** What Ctrl-C does. */
  interrupt(): void;
  /** Resolves once standard error holds the text. */
  says(text: string): Promise<void>;
}

/** Starts the CLI, signed in to the lab by its environment alone. */
export async function startCli(
  lab: TestLab,
  words: string[],
  environment: Record<string, string> = {},
): Promise<RunningCli> {
  return startCliAs(lab, await lab.api(), words, environment);
}

function startCliAs(
  lab: TestLab,
  { token }: Pick<ControlApi, 'token'>,
  words: string[],
  environment: Record<string, string> = {},
): RunningCli {
  const child = spawn(PROGRAM, words, {
    env: { ...process.env, ...environment, DRAYAGE_URL: apiUrl(lab.lab), DRAYAGE_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = new Promise<CliOutcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    done,
    interrupt: () => child.kill('SIGINT'),
    says: async (text) => {
      await until(`the CLI to say ${text}`, WORDS_MS, () => stderr.includes(text));
    },
  };
}

export async function runCli(lab: TestLab, ...words: string[]): Promise<CliOutcome> {
  return (await startCli(lab, words)).done;
}

/** The same, signed in as somebody else. */
export async function runCliAs(lab: TestLab, who: ControlApi, ...words: string[]): Promise<CliOutcome> {
  return startCliAs(lab, who, words).done;
}

/** What the API answers when it says no. */
export interface Refusal {
  status: number;
  contentType: string;
  problem: Problem;
}

/** Asks the API for something that it has to refuse. */
export async function askRefused(
  lab: TestLab,
  method: string,
  path: string,
  body?: { json: unknown } | { tar: Uint8Array<ArrayBuffer> },
): Promise<Refusal> {
  const { token } = await lab.api();
  const isTar = body !== undefined && 'tar' in body;
  const answer = await fetch(`${apiUrl(lab.lab)}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': isTar ? 'application/x-tar' : 'application/json' }),
    },
    body: body === undefined ? undefined : isTar ? body.tar : JSON.stringify(body.json),
  });
  const problem = problemSchema.parse(await answer.json());
  return { status: answer.status, contentType: answer.headers.get('content-type') ?? '', problem };
}
