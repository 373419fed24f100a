import { spawn } from 'node:child_process';
import { DrayageError } from '../../core/cause.ts';

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string;
  /** Milliseconds; the command is killed after it. @default 30000 */
  timeoutMs?: number;
  /** Returns the result of a failed command too. @default false */
  allowFailure?: boolean;
}

/** Runs a command to its end. Throws a DrayageError `commandFailed` with its words unless `allowFailure`. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const child = spawn(command, args, { stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that ends without reading its input closes the pipe; its exit code tells the rest.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      if (signal !== null)
        stderr += `ended by ${signal}${signal === 'SIGKILL' ? ` (limit ${timeoutMs} ms)` : ''}`;
      resolve(exitCode ?? 128);
    });
  });
  if (code !== 0 && options.allowFailure !== true) {
    throw new DrayageError({
      code: 'commandFailed',
      message: `\`${[command, ...args].join(' ').slice(0, 300)}\` failed with ${code}: ${(stderr || stdout).trim().slice(-600)}`,
      mend: '',
    });
  }
  return { code, stdout, stderr };
}
