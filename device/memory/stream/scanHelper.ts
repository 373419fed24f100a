import { spawn } from 'node:child_process';
import type { TrackerName } from '../../../core/chooseTracker.ts';
import { HELPER_VARIABLE } from '../../network/batchTool.ts';
import { identityText } from '../../link/identity.ts';
import type { PageDestination, Scanner } from './scanner.ts';

/** Starts the helper memory-source (device/native), which scans in C. It ends with this process. */
export function startScanHelper(program: string, cgroupProcs: string, tracker: TrackerName): Scanner {
  const child = spawn(program, [cgroupProcs, tracker], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, [HELPER_VARIABLE]: 'memory-source' },
  });
  // Its last words come before its end. Records that nobody reads any more would keep 'close' from coming.
  const ended = new Promise<string>((resolve) => {
    child.stderr.once('close', () => resolve('the helper memory-source ended'));
    child.once('error', (error) => resolve(error.message));
  });
  child.stdin.on('error', () => undefined);
  return {
    records: child.stdout,
    ended,
    connect: (destination) => void child.stdin.write(connectCommand(destination)),
    command: (line) => void child.stdin.write(`${line}\n`),
    onSaid(hear) {
      let said = '';
      child.stderr.setEncoding('utf8');
      child.stderr.on('data', (text: string) => {
        said += text;
        const lines = said.split('\n');
        said = lines.pop() ?? '';
        for (const line of lines) hear(JSON.parse(line));
      });
    },
    async close() {
      child.kill('SIGKILL');
      child.stdout.destroy();
      await ended;
    },
  };
}

function connectCommand({ identity, peer, token, limitBytesPerSecond }: PageDestination): string {
  const separator = peer.linkAddress.lastIndexOf(':');
  const place = [peer.linkAddress.slice(0, separator), peer.linkAddress.slice(separator + 1)];
  const { sizes, pem } = identityText(identity);
  return `connect ${[...place, token, peer.id, limitBytesPerSecond ?? 0, ...sizes].join(' ')}\n${pem}`;
}
