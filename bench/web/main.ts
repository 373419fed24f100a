/** `npm run bench:web`: what the dashboard needs of a browser. Its usage is in parseFlags.ts. */
import { controlApi } from '../../lab/controlApi.ts';
import { createFakeComputes, importEmptyImage } from '../../lab/fakeFleet.ts';
import { moreFakes } from '../../lab/moreFakes.ts';
import type { Progress } from '../../lab/progress.ts';
import type { Lab } from '../../lab/state.ts';
import { upLab } from '../../lab/up.ts';
import { fillFleet } from '../fillFleet.ts';
import { benchOnFakes, writeFigures } from '../onFakes.ts';
import { openDatabase } from '../openDatabase.ts';
import { keepMoving } from './keepMoving.ts';
import { leaveOpen, openOverview, useOverview } from './overview.ts';
import { parseFlags, USAGE, type WebFlags } from './parseFlags.ts';
import { isMet, type LeftOpen, type Watched, webFigures, type WebFigure } from './webFigures.ts';

const LAB = 'webbench';
/** The fewest computes that there are. */
const FEW = 20;

process.exitCode = await benchOnFakes<WebFlags>(
  {
    ...{ lab: LAB, usage: USAGE, parseFlags },
    run: async (flags, progress, signal) => report(...(await takeFigures(flags, progress, signal))),
  },
  process.argv.slice(2),
);

async function takeFigures(
  { devices, computes, moves, minutes }: WebFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<[Watched, Watched, LeftOpen]> {
  progress.say('starting a control plane');
  // All of them are to be seen moving.
  process.env['DRAYAGE_MOVES_AT_ONCE'] = String(moves);
  let { lab } = await upLab(LAB, { devices: 0 }, progress, signal);
  lab = await moreFakes(lab, devices, (ready) => progress.say(`${ready} of ${devices} devices ready`));
  const api = await controlApi(lab);
  const image = await importEmptyImage(lab, api, 'any');
  const watch = async (ids: string[], say: string): Promise<Watched> => {
    const moving = await keepMoving(api, ids, moves, signal);
    progress.say(`${say}: using the overview with ${ids.length} computes`);
    const opened = await openOverview(lab);
    try {
      return { computes: ids.length, interactionsMs: await useOverview(opened, signal) };
    } finally {
      await opened.close();
      await moving.stop();
    }
  };
  const asked = Array.from({ length: FEW }, (_, index) => computeNumber(index, lab));
  const ids = await createFakeComputes(api, image.name, asked);
  const few = await watch(ids, 'few');
  const [pattern = ''] = ids;
  const sql = await openDatabase(lab);
  progress.say(`putting ${computes} computes on the devices`);
  try {
    ids.push(...(await fillFleet(lab, sql, { pattern, devices: lab.fakes, count: computes - FEW })));
  } finally {
    await sql.end();
  }
  const many = await watch(ids, 'many');
  const moving = await keepMoving(api, ids, moves, signal);
  const opened = await openOverview(lab);
  try {
    const open = await leaveOpen(opened, api, minutes, signal, (line) => progress.say(line));
    return [few, many, open];
  } finally {
    await opened.close();
    await moving.stop();
  }
}

/** Spread over the devices; each takes some seconds to move. */
function computeNumber(index: number, lab: Lab) {
  const device = lab.fakes[index % lab.fakes.length] ?? '';
  const env = { FAKE_MEMORY_MB: '64', FAKE_DIRTY_MB_PER_S: '4', FAKE_LOG_MS: '3600000' };
  return { name: `compute-${String(index + 1)}`, device, env, memoryBytes: 64 * 2 ** 20 };
}

async function report(few: Watched, many: Watched, open: LeftOpen): Promise<boolean> {
  const figures = webFigures(few, many, open);
  const file = await writeFigures('web.json', { figures, samples: { few, many, open } });
  console.log(['', ...figures.map(line), '', `Written: ${file}`].join('\n'));
  return figures.every(isMet);
}

function line(figure: WebFigure): string {
  const parts = Object.entries(figure.parts).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const met = isMet(figure) ? 'met' : 'NOT MET';
  return `${figure.name} ${figure.value.toFixed(2)} (at most ${figure.atMost}): ${met}  [${parts.join(', ')}]`;
}
