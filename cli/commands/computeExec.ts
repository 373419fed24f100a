import type { Command } from 'commander';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { apiAway } from '../../client/createClient.ts';
import { ProblemError, readProblem } from '../../client/problemError.ts';
import { headersFor } from '../client.ts';
import { loadCredentials } from '../credentials.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { subcommand } from '../output.ts';

const controlSchema = z.object({ exit: z.number().int().optional() });
const STDIN = Buffer.from([0]);

/** `drayage compute exec`; its exit code is the command's. */
export function registerExec(compute: Command): void {
  subcommand(compute, 'exec <compute> <command...>', 'run a command in a compute')
    .option('-T, --no-tty', 'no terminal for the command, even if there is one here')
    .action(async (name: string, command: string[], flags: { tty: boolean }) => {
      const tty = flags.tty && process.stdin.isTTY && process.stdout.isTTY;
      const socket = await connect(name);
      const restore = tty ? rawTerminal(socket) : () => undefined;
      try {
        process.exitCode = await converse(socket, command, tty);
      } finally {
        restore();
        // Standard input may be one that never ends; the command has.
        process.stdin.destroy();
      }
    });
}

async function connect(compute: string): Promise<WebSocket> {
  const credentials = await loadCredentials();
  const base = credentials.url.replace(/^http/, 'ws').replace(/\/$/, '');
  const socket = new WebSocket(`${base}/api/v1/computes/${encodeURIComponent(compute)}/exec`, {
    headers: headersFor(credentials),
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve(socket);
    });
    socket.once('error', (error) => reject(apiAway(credentials.url, error)));
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        const { statusCode: status = 0, statusMessage: statusText = '' } = response;
        reject(new ProblemError(readProblem(safeJson(text), { status, statusText })));
      });
    });
  });
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Passes input and output until the command has ended; resolves with its exit code. */
function converse(socket: WebSocket, command: string[], tty: boolean): Promise<number> {
  const { stdin } = process;
  socket.send(JSON.stringify({ command, tty, stdin: true }));
  if (tty) sendSize(socket);
  stdin.on('data', (chunk: Buffer) => {
    socket.send(Buffer.concat([STDIN, chunk]), () => stdin.resume());
    // One piece under way at a time: a slow command sets the pace.
    stdin.pause();
  });
  stdin.once('end', () => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ eof: true }));
  });
  return new Promise((resolve, reject) => {
    let exit: number | undefined;
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) (data[0] === 2 ? process.stderr : process.stdout).write(data.subarray(1));
      else exit = controlSchema.parse(JSON.parse(data.toString('utf8'))).exit ?? exit;
    });
    socket.once('error', reject);
    socket.once('close', (_code, reason) => {
      if (exit !== undefined) resolve(exit);
      else {
        const message =
          reason.length > 0 ? reason.toString('utf8') : 'The connection ended before the command did.';
        const mend = 'If the compute was moved, run the command again: it is on its new device.';
        reject(new CommandFailed(Exit.failed, [{ code: 'execEnded', message, mend }], 'Exec ended'));
      }
    });
  });
}

/** Every key goes to the command, also Ctrl-C. */
function rawTerminal(socket: WebSocket): () => void {
  process.stdin.setRawMode(true);
  const resize = () => {
    sendSize(socket);
  };
  process.stdout.on('resize', resize);
  return () => {
    process.stdin.setRawMode(false);
    process.stdout.off('resize', resize);
  };
}

function sendSize(socket: WebSocket): void {
  const { columns, rows } = process.stdout;
  socket.send(JSON.stringify({ resize: { columns, rows } }));
}
