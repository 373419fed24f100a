/** `npm run bench:scale`: what the control plane needs for many devices. Its usage is in parseFlags.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { controlApi } from '../../lab/controlApi.ts';
import { createFakeComputes, importEmptyImage } from '../../lab/fakeFleet.ts';
import { listDevices } from '../../lab/join.ts';
import { moreFakes } from '../../lab/moreFakes.ts';
import type { Progress } from '../../lab/progress.ts';
import type { Lab } from '../../lab/state.ts';
import { upLab } from '../../lab/up.ts';
import { benchOnFakes, writeFigures } from '../onFakes.ts';
import { emptyAtOnce } from './emptyAtOnce.ts';
import { fillFleet } from '../fillFleet.ts';
import { moveAtOnce } from './moveAtOnce.ts';
import { parseFlags, USAGE, type ScaleFlags } from './parseFlags.ts';
import { openRecords, type Records } from './records.ts';
import { isMet, scaleFigures } from './scaleFigures.ts';
import { figureLines, scaleTable, statementLines, stepLines } from './scaleTable.ts';
import type { Step } from './step.ts';
import { watch } from './watch.ts';

const LAB = 'scale';
/** What joining and making leave behind (connections, garbage) is not measured, milliseconds. */
const SETTLE_MS = 15_000;
const MIB = 2 ** 20;

process.exitCode = await benchOnFakes<ScaleFlags>(
  {
    ...{ lab: LAB, usage: USAGE, parseFlags },
    run: async (flags, progress, signal) => report(await takeSteps(flags, progress, signal)),
  },
  process.argv.slice(2),
);

async function takeSteps(flags: ScaleFlags, progress: Progress, signal: AbortSignal): Promise<Step[]> {
  progress.say('starting a control plane');
  let { lab } = await upLab(LAB, { devices: 0 }, progress, signal);
  const [records, api] = [await openRecords(lab), await controlApi(lab)];
  const [taken, computes]: [Step[], string[]] = [[], []];
  try {
    const image = await importEmptyImage(lab, api, 'any');
    for (const devices of flags.steps) {
      signal.throwIfAborted();
      const before = lab.fakes.length;
      lab = await moreFakes(lab, devices, (ready) =>
        progress.say(`${before + ready} of ${devices} devices ready`),
      );
      const wanted = Math.round((flags.computes * devices) / (flags.steps.at(-1) ?? devices));
      if (computes.length === 0)
        computes.push(...(await createFakeComputes(api, image.name, [pattern(lab)])));
      progress.say(`putting ${wanted} computes on them`);
      const [first = ''] = computes;
      const filling = { pattern: first, devices: lab.fakes.slice(before), count: wanted - computes.length };
      computes.push(...(await fillFleet(lab, records.sql, filling)));
      const step = await takeStep({ lab, records, computes, flags, progress, signal });
      console.log([...scaleTable([step]), ...stepLines(step)].join('\n'));
      taken.push(step);
    }
    return taken;
  } finally {
    await records.close();
  }
}

interface Taking {
  lab: Lab;
  records: Records;
  computes: readonly string[];
  flags: ScaleFlags;
  progress: Progress;
  signal: AbortSignal;
}

async function takeStep({ lab, records, computes, flags, progress, signal }: Taking): Promise<Step> {
  const api = await controlApi(lab);
  const devices = lab.fakes.length;
  const [device = '', compute = ''] = [lab.fakes[0], computes[0]];
  const paths = [
    ...['/devices?limit=50', '/computes?limit=50', '/migrations?limit=50'],
    ...[`/devices/${device}`, `/computes/${compute}`],
  ];
  const watching = { lab, records, paths };
  await pause(SETTLE_MS, undefined, { signal });
  await records.forgetStatements();
  progress.say(`measuring ${devices} devices for ${flags.seconds} s`);
  const { watched: idle } = await watch(watching, () => pause(flags.seconds * 1000, undefined, { signal }));
  const moved = spread(computes, flags.moves);
  progress.say(`moving ${moved.length} of ${computes.length} computes`);
  const open = (what: string) => (left: number) => progress.say(`  ${left} ${what} have not ended`);
  const { watched, result: moves } = await watch(watching, () =>
    moveAtOnce(api, moved, signal, open('moves')),
  );
  const states = await listDevices(api);
  const isLast = devices === flags.steps.at(-1);
  const emptied = isLast ? spread(lab.fakes, flags.evacuate) : [];
  if (emptied.length > 0) progress.say(`emptying ${emptied.length} devices`);
  const emptying =
    emptied.length === 0
      ? null
      : await watch(watching, () => emptyAtOnce(api, emptied, signal, open('evacuations')));
  return {
    ...{ devices, computes: computes.length, idle, moving: { ...watched, moves } },
    ready: states.filter(({ state }) => state === 'ready').length,
    emptying: emptying && { ...emptying.watched, evacuations: emptying.result },
    statements: await records.slowest(),
  };
}

/** So many of all, at equal distances. */
function spread<T>(all: readonly T[], count: number): T[] {
  const every = Math.max(1, all.length / Math.max(1, count));
  return Array.from({ length: Math.min(count, all.length) }, (_, index) => all[Math.floor(index * every)]!);
}

/** What all are like: it writes little, so that its move is short. */
function pattern({ fakes: [device = ''] }: Lab) {
  const env = { FAKE_MEMORY_MB: '32', FAKE_DIRTY_MB_PER_S: '1', FAKE_LOG_MS: '3600000' };
  return { name: 'compute-1', device, env, memoryBytes: 32 * MIB };
}

async function report(steps: Step[]): Promise<boolean> {
  const figures = scaleFigures(steps);
  const file = await writeFigures('scale.json', { figures, samples: steps });
  const lines = [
    ...['', ...scaleTable(steps), '', ...steps.flatMap(stepLines)],
    ...['', ...steps.flatMap(statementLines), '', ...figureLines(figures)],
    ...['', `Written: ${file}`],
  ];
  console.log(lines.join('\n'));
  return figures.every(isMet);
}
