import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { DrayageError } from '../../core/cause.ts';
import { onLines } from '../onLines.ts';

/** Marks every helper process in its environment, so that recovery can end those of an earlier worker. */
export const HELPER_VARIABLE = 'DRAYAGE_HELPER';

type Tool = 'ip' | 'tc';

/**
 * A long-lived `ip -batch -` or `tc -batch -`, optionally inside a network namespace: a command costs a write and a
 * read instead of a process start. Commands run in order; the tool ends at the first that fails.
 */
export class BatchTool {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #tool: Tool;
  #stderr = '';
  #waiting: { resolve: (output: string[]) => void; reject: (error: Error) => void }[] = [];
  #output: string[] = [];
  #ended: Error | null = null;

  private constructor(tool: Tool, child: ChildProcessWithoutNullStreams) {
    this.#tool = tool;
    this.#child = child;
    onLines(child.stdout, (text) => {
      if (isAck(tool, text)) this.#waiting.shift()?.resolve(this.#output.splice(0));
      else this.#output.push(text);
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (chunk: string) => (this.#stderr += chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.#end(error.message));
    child.on('close', () => this.#end(this.#stderr.trim()));
  }

  /** Starts the tool; with `netnsPid`, inside that process's network namespace. Resolves when it answers. */
  static async start(tool: Tool, netnsPid?: number): Promise<BatchTool> {
    // Into a pipe they would keep the answer of a query until their end.
    const command = ['stdbuf', '-oL', tool, '-batch', '-'];
    if (netnsPid !== undefined) command.unshift('nsenter', `--net=/proc/${netnsPid}/ns/net`);
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      stdio: 'pipe',
      env: { ...process.env, [HELPER_VARIABLE]: `${tool}-batch` },
    });
    const batch = new BatchTool(tool, child);
    await batch.run([]);
    return batch;
  }

  /** Runs the lines in order; resolves with what they print when the last has taken effect. @throws DrayageError with the tool's own words */
  run(lines: string[]): Promise<string[]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const ack = this.#tool === 'ip' ? 'link show dev lo' : 'qdisc show dev lo';
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write([...lines, ack, ''].join('\n'));
    });
  }

  /** Ends the tool and waits until it is gone. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }

  #end(message: string): void {
    this.#ended ??= new DrayageError({
      code: 'networkCommandFailed',
      message: `${this.#tool} could not change the device's network: ${message || 'it ended'}.`,
      mend: 'See the device log; the move is rolled back.',
    });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

/** Recognises the answer to the query that follows each group of commands. */
function isAck(tool: Tool, line: string): boolean {
  return tool === 'ip' ? /^\d+: lo: /.test(line) : line.startsWith('qdisc ');
}
