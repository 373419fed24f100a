import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { FromScan, ToScan } from './scan/scanWorker.ts';
import type { Scanner } from './scanner.ts';

/** Bytes of records that wait here for the link. */
const BUFFERED = 1024 * 1024;

/** Starts a thread of this process that scans, for a device without the helper: in TypeScript, by content alone. */
export function startScanThread(cgroupProcs: string): Scanner {
  const worker = new Worker(new URL('./scan/scanWorker.ts', import.meta.url), {
    workerData: { cgroupProcs },
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const tell = (message: ToScan) => worker.postMessage(message);
  let notTold = 0;
  const records = new Readable({
    highWaterMark: BUFFERED,
    read() {
      if (notTold > 0) tell({ taken: notTold });
      notTold = 0;
    },
  });
  const ended = new Promise<string>((resolve) => {
    worker.once('error', (error) => resolve((error as Error).message));
    worker.once('exit', () => resolve('the thread that scans ended'));
  });
  void ended.then(() => records.push(null));
  return {
    records,
    ended,
    command: (command) => tell({ command }),
    onSaid(hear) {
      worker.on('message', (message: FromScan) => {
        if ('said' in message) return hear(message.said);
        notTold += message.records.length;
        records.push(message.records);
      });
    },
    async close() {
      records.destroy();
      await worker.terminate();
    },
  };
}
