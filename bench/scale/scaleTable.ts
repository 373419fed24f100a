import { alignColumns } from '../table.ts';
import { isMet, per100, type ScaleFigure, type Step } from './scaleFigures.ts';

const MB = 1e6;

/** A row for each process and number of devices: what it used, and what that is for 100 devices. */
export function scaleTable(steps: readonly Step[]): string[] {
  const heading = ['devices', 'process', '', 'CPU s', 'CPU % per 100', 'MB', 'MB per 100'];
  const rows = steps.flatMap((step) =>
    Object.entries(step.parts).map(([name, use]) => {
      const each = per100(step, use);
      return [
        ...[String(step.devices), name, '', use.cpuSeconds.toFixed(1), each.cpuPercent.toFixed(1)],
        ...[(use.memoryBytes / MB).toFixed(0), (each.memoryBytes / MB).toFixed(0)],
      ];
    }),
  );
  return alignColumns([heading, ...rows]);
}

/** A line for each figure: its value, its limit, whether it is met. */
export function figureLines(figures: readonly ScaleFigure[]): string[] {
  return figures.map((figure) => {
    const { name, value, atMost, atLeast } = figure;
    const limit = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    return `${name} ${value.toFixed(2)} (${limit}): ${isMet(figure) ? 'met' : 'NOT MET'}`;
  });
}
