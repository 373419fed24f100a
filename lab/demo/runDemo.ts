import { containerName } from '../../device/engine/containerOptions.ts';
import { countCensus, takeCensus } from '../census.ts';
import { readAdmin, apiUrl } from '../control.ts';
import { controlApi } from '../controlApi.ts';
import { downLab } from '../down.ts';
import { makeProgress, type Progress } from '../progress.ts';
import type { Lab } from '../state.ts';
import { upLab } from '../up.ts';
import { abortable } from './abortable.ts';
import { measureBare, type BareFigures } from './bare.ts';
import { DemoClient } from './demoClient.ts';
import { demoFigures, type DemoFigures } from './figures.ts';
import { formatMs } from './formatMs.ts';
import { moveBackAndForth } from './moveBackAndForth.ts';
import type { DemoFlags } from './parseFlags.ts';
import { createSampleCompute, importSampleImage } from './sampleCompute.ts';
import type { Screen } from './screen.ts';
import { summaryLines } from './summaryText.ts';

/** The demo's own lab; a user's are not touched. */
export const DEMO_LAB = 'demo';
const SAMPLE = 'sample';
/** How long the client talks before the first move, to show what it sees without one, milliseconds. */
const QUIET_MS = 1_000;

/** Brings the lab up, moves the sample application about, and resolves with the figures. */
export async function runDemo(flags: DemoFlags, screen: Screen, signal: AbortSignal): Promise<DemoFigures> {
  const progress = progressOn(screen);
  // What a demo that was killed has left would stay as it is otherwise.
  await downLab(DEMO_LAB, progress);
  screen.line(`Starting ${flags.devices} devices and a control plane (lab '${DEMO_LAB}').`);
  const { lab } = await upLab(DEMO_LAB, { devices: flags.devices }, progress, signal);
  screen.lines([...(await addresses(lab)), '']);
  const api = await controlApi(lab);
  const image = await abortable(importSampleImage(lab, api, SAMPLE), signal);
  const [device = ''] = lab.devices;
  const compute = await abortable(
    createSampleCompute(api, { name: SAMPLE, image: image.id, device }),
    signal,
  );
  const onProblem = (message: string) => screen.line(screen.paint(`client: ${message}`, 'red'));
  const client = await DemoClient.start(lab, { host: compute.ip, onProblem });
  try {
    await talkQuietly(client, screen, signal);
    const input = { api, compute: compute.id, devices: lab.devices, moves: flags.moves, client };
    const moves = await moveBackAndForth(input, screen, signal);
    const totals = await abortable(client.end(), signal);
    const bare = await abortable(bareFigures(lab, moves.device, compute.id, progress, screen), signal);
    const figures = demoFigures(moves.attempted, moves.moves, totals, bare?.bareMs ?? null);
    screen.lines(summaryLines(figures, bare, screen.paint));
    return figures;
  } finally {
    await client.kill();
  }
}

/** Removes all that the demo made; resolves with what is left of it, as words. */
export async function removeDemo(screen: Screen): Promise<string[]> {
  await downLab(DEMO_LAB, progressOn(screen));
  const counts = Object.entries(countCensus(await takeCensus(DEMO_LAB)));
  return counts.flatMap(([kind, count]) => (count > 0 ? [`${count} ${kind}`] : []));
}

/** Where to look while the demo's lab is up. */
async function addresses(lab: Lab): Promise<string[]> {
  const admin = await readAdmin(lab);
  return [
    `Dashboard         ${apiUrl(lab)}  (${admin?.email} / ${admin?.password})`,
    `API and its docs  ${apiUrl(lab)}/api/docs`,
    `Temporal's UI     http://127.0.0.1:${lab.ports.temporalUi}`,
  ];
}

/** What a person can do in the lab that stays up. */
export async function invitation(lab: Lab): Promise<string[]> {
  const { token } = await controlApi(lab);
  const environment = `DRAYAGE_URL=${apiUrl(lab)} DRAYAGE_TOKEN=${token}`;
  return [
    '',
    ...(await addresses(lab)),
    `Move it yourself  ${environment} npx drayage migrate ${SAMPLE}`,
    `More on the lab   npx drayage lab status --name ${DEMO_LAB}`,
    'It all stays up until Ctrl-C.',
  ];
}

async function talkQuietly(client: DemoClient, screen: Screen, signal: AbortSignal): Promise<void> {
  await abortable(client.mark('start'), signal);
  await abortable(new Promise((resolve) => setTimeout(resolve, QUIET_MS)), signal);
  const { gapMs, requests } = await abortable(client.mark('quiet'), signal);
  const second = `${Math.round((requests * 1_000) / QUIET_MS)} answers a second`;
  screen.lines([`The client talks: ${second}, longest silence ${formatMs(gapMs)}.`, '']);
}

/** Null when they could not be taken. */
async function bareFigures(
  lab: Lab,
  device: string,
  compute: string,
  progress: Progress,
  screen: Screen,
): Promise<BareFigures | null> {
  const container = containerName(compute, 'compute');
  try {
    return await progress.step('measuring runc alone', () => measureBare(lab, device, container));
  } catch (error) {
    screen.line(screen.paint(`The bare figures could not be taken: ${(error as Error).message}`, 'red'));
    return null;
  }
}

function progressOn(screen: Screen): Progress {
  return makeProgress((line) => screen.line(screen.paint(line, 'dim')));
}
