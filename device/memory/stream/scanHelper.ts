import { spawn } from 'node:child_process';
import { HELPER_VARIABLE } from '../../network/batchTool.ts';
import { addressOf } from '../../link/connectTls.ts';
import { identityText } from '../../link/identity.ts';
import { onLines } from '../../onLines.ts';
import type { PageDestination, ScannedMemory, Scanner } from './scanner.ts';

/** Starts the helper memory-source (device/native), which scans in C. It ends with this process. */
export function startScanHelper(program: string, { cgroupProcs, tracker, watch }: ScannedMemory): Scanner {
  const child = spawn(program, [cgroupProcs, tracker, ...(tracker === 'write-protect' ? [watch] : [])], {
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
    onSaid: (hear) => onLines(child.stderr, (line) => hear(JSON.parse(line))),
    async close() {
      child.kill('SIGKILL');
      child.stdout.destroy();
      await ended;
    },
  };
}

function connectCommand({ identity, peer, token, limitBytesPerSecond }: PageDestination): string {
  const { host, port } = addressOf(peer);
  const { sizes, pem } = identityText(identity);
  return `connect ${[host, port, token, peer.id, limitBytesPerSecond ?? 0, ...sizes].join(' ')}\n${pem}`;
}
