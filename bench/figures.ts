import { median } from '../lab/demo/figures.ts';
import type { Turn } from './plan.ts';
import { RECIPES, TOLD, type Part, type Recipe } from './recipes.ts';
import type { Sample } from './sample.ts';
import type { LinkName } from './workloads.ts';

/** A figure of the results. `value` is the worst of the links on which it was taken; null when it was not. */
export interface Figure {
  name: string;
  value: number | null;
  atMost?: number;
  atLeast?: number;
  /** What it was made of, by link. */
  parts: Record<string, Record<string, number>>;
  /** The numbers behind the parts, by link. */
  samples: Record<string, Record<string, number[]>>;
  /** Links on which the plan has all that it needs. Elsewhere it is not taken. */
  planned: LinkName[];
  /** Moves that should have gone into it and failed, as `LINK WORKLOAD CONTENDER`, with how many. */
  failed: Record<string, number>;
}

/**
 * `incomplete`: it was to be taken on a link and could not be, or moves of Drayage's own that belong to it failed.
 * `notTaken`: the plan has not all that it needs.
 */
export type Verdict = 'met' | 'notMet' | 'incomplete' | 'notTaken';

/** Median, least and most of some numbers. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Null of none. */
export function spread(numbers: readonly number[]): Spread | null {
  if (numbers.length === 0) return null;
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** The links on which figures have to hold. */
const JUDGED_LINKS: readonly LinkName[] = ['unshaped', '1gbit'];

/**
 * Makes the figures that have to hold from what was seen of a plan. Their numbers are of moves that succeeded and were not a
 * contender's first, and of Drayage's not a program's first either; those that failed are counted beside them.
 */
export function figures(samples: readonly Sample[], turns: readonly Turn[]): Figure[] {
  return RECIPES.map((recipe) => makeFigure(recipe, samples, turns));
}

/** What is told beside the figures, made in the same way. */
export function toldFigures(samples: readonly Sample[], turns: readonly Turn[]): Figure[] {
  return TOLD.map((recipe) => makeFigure(recipe, samples, turns));
}

/** Whether a figure is what it has to be. */
export function verdictOf({ value, atMost, atLeast, planned, parts, failed }: Figure): Verdict {
  if (planned.length === 0) return 'notTaken';
  if (value !== null && (value > (atMost ?? Infinity) || value < (atLeast ?? -Infinity))) return 'notMet';
  const whole = planned.every((link) => parts[link]?.['value'] !== undefined);
  const ownFailed = Object.keys(failed).some((key) => key.endsWith(' drayage'));
  return whole && !ownFailed ? 'met' : 'incomplete';
}

function makeFigure(recipe: Recipe, samples: readonly Sample[], turns: readonly Turn[]): Figure {
  const { name, limit, parts } = recipe;
  const planned = JUDGED_LINKS.filter((link) => parts.every((part) => isPlanned(part, link, turns)));
  const figure: Figure = { name, value: null, ...limit, parts: {}, samples: {}, planned, failed: {} };
  for (const link of planned) {
    const counted = samples.filter((one) => one.link === link && counts(recipe, one));
    addLink(figure, recipe, link, counted);
    countFailures(figure, recipe, counted);
  }
  return figure;
}

function counts({ fresh = false }: Recipe, sample: Sample): boolean {
  return sample.kind === 'bare' || (!sample.first && sample.fresh === fresh);
}

/** Whether a figure that has to hold is made of this measurement. */
export function isJudged(turn: Turn): boolean {
  return JUDGED_LINKS.some((link) =>
    RECIPES.some(({ parts }) => parts.some((part) => isPlanned(part, link, [turn]))),
  );
}

function isPlanned({ by, workloads }: Part, link: LinkName, turns: readonly Turn[]): boolean {
  return turns.some(
    (turn) => turn.link === link && turn.contender === by && workloads.includes(turn.workload.name),
  );
}

function addLink(figure: Figure, recipe: Recipe, link: LinkName, samples: readonly Sample[]): void {
  const lists: Record<string, number[]> = {};
  for (const part of recipe.parts)
    lists[part.name] = samples.filter((one) => isOf(part, one) && !hasFailed(one)).flatMap(part.numbers);
  const medians = Object.fromEntries(
    Object.entries(lists).flatMap(([name, numbers]) => (numbers.length > 0 ? [[name, median(numbers)]] : [])),
  );
  const value = recipe.value(medians);
  figure.samples[link] = lists;
  figure.parts[link] = { ...medians, ...(Number.isFinite(value) ? { value } : {}) };
  if (Number.isFinite(value) && isWorse(figure, value)) figure.value = value;
}

function countFailures({ failed }: Figure, { parts }: Recipe, samples: readonly Sample[]): void {
  for (const one of samples) {
    if (!hasFailed(one) || !parts.some((part) => isOf(part, one))) continue;
    const key = `${one.link} ${one.workload} ${contenderOf(one)}`;
    failed[key] = (failed[key] ?? 0) + 1;
  }
}

function isWorse({ value, atLeast }: Figure, other: number): boolean {
  if (value === null) return true;
  return atLeast === undefined ? other > value : other < value;
}

function isOf({ by, workloads }: Part, sample: Sample): boolean {
  return contenderOf(sample) === by && workloads.includes(sample.workload);
}

function contenderOf(sample: Sample): string {
  return sample.kind === 'bare' ? 'bare' : sample.contender;
}

function hasFailed(sample: Sample): boolean {
  return sample.kind === 'bare' ? sample.reason !== '' : !sample.succeeded;
}
