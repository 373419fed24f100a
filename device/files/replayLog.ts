import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';

/** One entry of Docker's json-file log: what was written, and where to. */
const entrySchema = z.object({ log: z.string(), stream: z.enum(['stdout', 'stderr']) });

/** Paths of the pipes behind a container's standard output and error, e.g. /proc/PID/fd/1. */
export interface StandardPipes {
  stdout: string;
  stderr: string;
}

/**
 * Gives the last lines of a log to the engine anew, through the pipes it reads a container's output from. An engine that
 * has a log open takes no notice of what others append to it; lines that come this way bear the time of the move.
 */
export async function replayLog(content: Readable, pipes: StandardPipes): Promise<void> {
  const files = new Map<'stdout' | 'stderr', FileHandle>();
  try {
    for await (const line of createInterface({ input: content, crlfDelay: Infinity })) {
      if (line === '') continue;
      const { log, stream } = entrySchema.parse(JSON.parse(line));
      let file = files.get(stream);
      if (!file) {
        file = await open(pipes[stream], 'w');
        files.set(stream, file);
      }
      await file.write(log);
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
}
