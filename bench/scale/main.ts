/** `npm run bench:scale`: what the control plane needs for many devices. Its usage is in parseFlags.ts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { downLab } from '../../lab/down.ts';
import { moreFakes } from '../../lab/moreFakes.ts';
import { makeProgress, type Progress } from '../../lab/progress.ts';
import { upLab } from '../../lab/up.ts';
import { commitOf, hostFacts } from '../machineFacts.ts';
import { measure } from './measure.ts';
import { parseFlags, USAGE, type ScaleFlags } from './parseFlags.ts';
import { isMet, scaleFigures, type Step } from './scaleFigures.ts';
import { figureLines, scaleTable } from './scaleTable.ts';

const LAB = 'scale';
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));
/** What joining leaves behind (connections, garbage) is not measured, milliseconds. */
const SETTLE_MS = 15_000;

process.exitCode = await main(process.argv.slice(2));

/** Exit code: 0 met, 1 not, 2 usage. */
async function main(args: string[]): Promise<number> {
  let flags: ScaleFlags;
  try {
    flags = parseFlags(args);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const progress = makeProgress((line) => console.error(line));
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopped.abort(new Error('Stopped.')));
  try {
    return (await report(await takeSteps(flags, progress, stopped.signal))) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof DrayageError ? error.message : error);
    return 1;
  } finally {
    await downLab(LAB, progress);
  }
}

async function takeSteps(
  { steps, seconds }: ScaleFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<Step[]> {
  await downLab(LAB, progress);
  progress.say('starting a control plane');
  let { lab } = await upLab(LAB, { devices: 0 }, progress, signal);
  const taken: Step[] = [];
  for (const devices of steps) {
    signal.throwIfAborted();
    const before = lab.fakes.length;
    lab = await moreFakes(lab, devices, (ready) =>
      progress.say(`${before + ready} of ${devices} devices ready`),
    );
    await pause(SETTLE_MS, undefined, { signal });
    progress.say(`measuring ${devices} devices for ${seconds} s`);
    const step = await measure(lab, seconds, signal, (heartbeats, passed) =>
      progress.say(`  ${passed} s, ${heartbeats} heartbeats`),
    );
    console.log(scaleTable([step]).join('\n'));
    taken.push(step);
  }
  return taken;
}

async function report(steps: Step[]): Promise<boolean> {
  const figures = scaleFigures(steps);
  await mkdir(RESULTS, { recursive: true });
  const file = join(RESULTS, 'scale.json');
  const about = { machine: hostFacts(), commit: await commitOf(), takenAt: new Date().toISOString() };
  await writeFile(file, `${JSON.stringify({ ...about, figures, samples: steps }, null, 1)}\n`);
  console.log(['', ...scaleTable(steps), '', ...figureLines(figures), '', `Written: ${file}`].join('\n'));
  return figures.every(isMet);
}
