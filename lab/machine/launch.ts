import { spawn } from 'node:child_process';
import { DrayageError } from '../../core/cause.ts';

/**
 * Runs a command that may leave a process of its own running, and resolves with its exit code. Its words go nowhere: a
 * pipe would be held open by what it leaves. Throws a DrayageError `commandFailed` when it has not ended in time.
 */
export async function launch([file, ...args]: [string, ...string[]], timeoutMs: number): Promise<number> {
  const child = spawn(file, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  if (code !== null) return code;
  throw new DrayageError({
    code: 'commandFailed',
    message: `\`${[file, ...args].join(' ').slice(0, 300)}\` did not end within ${timeoutMs / 1000} s.`,
    mend: '',
  });
}
