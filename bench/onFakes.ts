import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';
import { downLab } from '../lab/down.ts';
import { makeProgress, type Progress } from '../lab/progress.ts';
import { commitOf, hostFacts } from './machineFacts.ts';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));

export interface FakesBench<Flags extends { help: boolean }> {
  /** Name of its own lab, which is gone before and after. */
  lab: string;
  usage: string;
  /** @throws DrayageError usage */
  parseFlags: (args: string[]) => Flags;
  /** Takes the figures, and tells whether all are met. */
  run: (flags: Flags, progress: Progress, signal: AbortSignal) => Promise<boolean>;
}

/** A benchmark on fake devices, from its flags to its clean-up. Resolves with the exit code: 0 met, 1 not, 2 usage. */
export async function benchOnFakes<Flags extends { help: boolean }>(
  { lab, usage, parseFlags, run }: FakesBench<Flags>,
  args: string[],
): Promise<number> {
  let flags: Flags;
  try {
    flags = parseFlags(args);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(usage);
    return 0;
  }
  const progress = makeProgress((line) => console.error(line));
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopped.abort(new Error('Stopped.')));
  try {
    await downLab(lab, progress);
    return (await run(flags, progress, stopped.signal)) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof DrayageError ? error.message : error);
    return 1;
  } finally {
    await downLab(lab, progress);
  }
}

/** Writes figures and what they were taken from, with machine and commit; resolves with the file's path. */
export async function writeFigures(
  name: string,
  taken: { figures: unknown; samples: unknown },
): Promise<string> {
  await mkdir(RESULTS, { recursive: true });
  const file = join(RESULTS, name);
  const about = { machine: hostFacts(), commit: await commitOf(), takenAt: new Date().toISOString() };
  await writeFile(file, `${JSON.stringify({ ...about, ...taken }, null, 1)}\n`);
  return file;
}
