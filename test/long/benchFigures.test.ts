import { expect, test } from 'vitest';
import { bindLab, chooseCores } from '../../bench/cores.ts';
import { figures, isJudged, verdictOf } from '../../bench/figures.ts';
import { plan } from '../../bench/plan.ts';
import { figureLines, movesTable } from '../../bench/table.ts';
import { takeSamples } from '../../bench/takeSamples.ts';
import { makeProgress } from '../../lab/progress.ts';
import { withLab } from '../lab/support.ts';

const REPEATS = 3;

const shared = withLab();

test('every figure of the benchmark is what it has to be, unshaped and at 1 Gbit/s', async () => {
  const cores = chooseCores();
  if (cores !== null) await bindLab(shared.lab, cores.rest);
  const turns = plan(['unshaped', '1gbit'], REPEATS).filter(isJudged);
  const progress = makeProgress((line) => process.stderr.write(`${line}\n`));
  const samples = await takeSamples({ lab: shared.lab, cores, turns, progress });
  const made = figures(samples, turns);
  const told = [...movesTable(samples), '', ...figureLines(made)].join('\n');
  process.stderr.write(`${told}\n`);
  expect(samples.filter((one) => one.kind === 'move' && one.wrong > 0)).toEqual([]);
  const rest = made.filter((figure) => verdictOf(figure) !== 'met');
  expect(rest.map(({ name, value, failed }) => ({ name, value, failed }))).toEqual([]);
});
