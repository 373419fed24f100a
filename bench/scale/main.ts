/** `npm run bench:scale`: what the control plane needs for many devices. Its usage is in parseFlags.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { moreFakes } from '../../lab/moreFakes.ts';
import type { Progress } from '../../lab/progress.ts';
import { upLab } from '../../lab/up.ts';
import { benchOnFakes, writeFigures } from '../onFakes.ts';
import { measure } from './measure.ts';
import { parseFlags, USAGE, type ScaleFlags } from './parseFlags.ts';
import { isMet, scaleFigures, type Step } from './scaleFigures.ts';
import { figureLines, scaleTable } from './scaleTable.ts';

const LAB = 'scale';
/** What joining leaves behind (connections, garbage) is not measured, milliseconds. */
const SETTLE_MS = 15_000;

process.exitCode = await benchOnFakes<ScaleFlags>(
  {
    ...{ lab: LAB, usage: USAGE, parseFlags },
    run: async (flags, progress, signal) => report(await takeSteps(flags, progress, signal)),
  },
  process.argv.slice(2),
);

async function takeSteps(
  { steps, seconds }: ScaleFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<Step[]> {
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
  const file = await writeFigures('scale.json', { figures, samples: steps });
  console.log(['', ...scaleTable(steps), '', ...figureLines(figures), '', `Written: ${file}`].join('\n'));
  return figures.every(isMet);
}
