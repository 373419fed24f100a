import { parentPort, workerData } from 'node:worker_threads';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MemoryScan } from './memoryScan.ts';

/**
 * A thread that scans; it is spoken to as the helper memory-source is (device/native): commands, a line each, and objects
 * that it says. Beside them it sends the records, and is told how many bytes of them were taken.
 */
export type ToScan = { command: string } | { taken: number };
export type FromScan = { records: Uint8Array<ArrayBuffer> } | { said: object };

/** Bytes of records that may be on their way, so that a slow link holds the scan up, not fills the memory. */
const ON_THE_WAY_MAX = 2 * 1024 * 1024;
const PROGRESS_MS = 200;

const port = parentPort;
if (!port) throw new Error('scanWorker runs as a thread');
let onTheWay = 0;
let taken: (() => void) | null = null;

const scan = new MemoryScan({
  cgroupProcs: (workerData as { cgroupProcs: string }).cgroupProcs,
  send: (records) => {
    onTheWay += records.length;
    tell({ records }, [records.buffer]);
  },
  pause: async () => {
    await nextTurn();
    while (onTheWay > ON_THE_WAY_MAX) await new Promise<void>((resolve) => (taken = resolve));
  },
});

port.on('message', (message: ToScan) => {
  if ('taken' in message) {
    onTheWay -= message.taken;
    taken?.();
  } else
    run(message.command).catch((error: unknown) => {
      tell({ said: { error: 'scanFailed', message: (error as Error).message } });
      port.close();
    });
});

function tell(message: FromScan, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

async function run(command: string): Promise<void> {
  const [word = '', ...words] = command.split(' ');
  if (word === 'round') await pass(() => scan.round(Number(words[1])));
  else if (word === 'final') await pass(() => scan.final());
  else if (word === 'image') tell({ said: { image: { pages: await scan.image(words.join(' ')) } } });
  else if (word === 'finish') scan.finish();
  else throw new Error(`no such command: ${command}`);
}

async function pass(look: () => Promise<object>): Promise<void> {
  const progress = setInterval(() => tell({ said: { progress: scan.counts } }), PROGRESS_MS);
  try {
    tell({ said: { done: await look() } });
  } finally {
    clearInterval(progress);
  }
}
