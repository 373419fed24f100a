import { formatBytes } from '../../core/memorySize.ts';
import type { Migration } from '../../core/migration.ts';
import type { BareFigures } from './bare.ts';
import type { DemoFigures } from './figures.ts';
import { formatMs } from './formatMs.ts';
import type { Paint } from './paint.ts';

/** One line on a move that ended. */
export function moveLine(
  number: number,
  total: number,
  migration: Migration,
  gapMs: number,
  paint: Paint,
): string {
  const { source, target, state, frozenMs, wireBytes, totalMs } = migration;
  const good = state === 'succeeded';
  const parts = [
    paint(`move ${String(number).padStart(String(total).length)}/${total}`, 'bold'),
    `${source.name} → ${target.name}`,
    ...(good ? [] : [paint(state, 'red')]),
    paint(`client waited ${formatMs(gapMs)}`, good ? 'green' : 'red'),
    ...(frozenMs === null ? [] : [`frozen ${formatMs(frozenMs)}`]),
    formatBytes(wireBytes),
    ...(totalMs === null ? [] : [`in ${formatMs(totalMs)}`]),
  ];
  return parts.join('  ');
}

/** Why a move did not succeed; nothing for one that did. */
export function failureLines({ state, reason, causes }: Migration): string[] {
  if (state === 'succeeded') return [];
  const told = causes.map(({ message, mend }) => `${message} ${mend}`.trim());
  return [...new Set([reason, ...told])].filter(Boolean).map((line) => `  ${line}`);
}

/** The figures of the whole run, name and value below each other. */
export function summaryLines(figures: DemoFigures, bare: BareFigures | null, paint: Paint): string[] {
  const { migrations, succeeded, connections, requests, errors, clientGapMs, frozenMs, gapOverBare } =
    figures;
  const judged = (text: string, good: boolean) => paint(text, good ? 'green' : 'red');
  const rows: [string, string][] = [
    ['moves', judged(`${succeeded} of ${migrations} succeeded`, succeeded === migrations)],
    [
      'connections',
      judged(`${connections.kept} of ${connections.opened} kept`, connections.kept === connections.opened),
    ],
    ['answers', judged(`${requests} checked, ${errors === 0 ? 'none' : errors} wrong`, errors === 0)],
    ['client gap', spreadText(clientGapMs)],
    ['frozen', spreadText(frozenMs)],
  ];
  if (bare !== null) {
    const parts = `checkpoint ${formatMs(bare.checkpointMs)}, restore ${formatMs(bare.restoreMs)}`;
    rows.push(['bare runc', `median ${formatMs(bare.bareMs)} (${parts})`]);
  }
  if (gapOverBare !== null) rows.push(['gap / bare', gapOverBare.toFixed(2)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${paint(name.padEnd(width), 'bold')}  ${value}`);
}

function spreadText({ p50, max }: { p50: number | null; max: number | null }): string {
  return p50 === null || max === null ? 'not measured' : `median ${formatMs(p50)}, longest ${formatMs(max)}`;
}
