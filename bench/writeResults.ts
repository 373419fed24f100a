import { mkdir, rm, writeFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Figure } from './figures.ts';
import type { MachineFacts } from './machineFacts.ts';
import { phasesSvg } from './phasesSvg.ts';
import type { MoveSample, Sample } from './sample.ts';

/** `latest.json`. */
export interface Results {
  machine: MachineFacts;
  commit: string;
  takenAt: string;
  figures: Figure[];
  /** What is told beside the figures. */
  told: Figure[];
  samples: readonly Sample[];
}

/** Writes `latest.json` and a drawing per link and workload to a folder, from which drawings of earlier runs go. */
export async function writeResults(folder: string, results: Results): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const old = (await readdir(folder)).filter((name) => name.endsWith('.svg'));
  await Promise.all(old.map((name) => rm(join(folder, name))));
  const json = join(folder, 'latest.json');
  await writeFile(json, `${JSON.stringify(results, null, 1)}\n`);
  const drawings = [...groupMoves(results.samples)].map(async ([name, moves]) => {
    const path = join(folder, `${name}.svg`);
    await writeFile(path, phasesSvg(`Moves: ${name.replace('-', ', ')}`, moves));
    return path;
  });
  return [json, ...(await Promise.all(drawings))];
}

/** Moves that succeeded, but for the contenders' first, by `LINK-WORKLOAD`. */
function groupMoves(samples: readonly Sample[]): Map<string, MoveSample[]> {
  const groups = new Map<string, MoveSample[]>();
  for (const sample of samples) {
    if (sample.kind !== 'move' || !sample.succeeded || sample.first || sample.fresh) continue;
    const name = `${sample.link}-${sample.workload}`;
    groups.set(name, [...(groups.get(name) ?? []), sample]);
  }
  return groups;
}
