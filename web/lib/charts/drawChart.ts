import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Series } from './summary.ts';

export interface ChartData {
  /** Seconds since 1970. */
  times: readonly number[];
  series: readonly Series[];
}

export interface ChartOptions {
  height: number;
  format: (value: number) => string;
  /** Told where the pointer is: the place in `times`, null where it is not. */
  onPoint: (at: number | null) => void;
}

export interface Chart {
  show: (data: ChartData) => void;
  /** Draws it anew, in the colours as they are now. */
  recolour: () => void;
  destroy: () => void;
}

/** Width of the figures beside the chart, px. */
const AXIS_WIDTH = 72;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** Draws lines over time into an element, as wide as that is. Loaded when there is something to draw. */
export function drawChart(node: HTMLElement, data: ChartData, options: ChartOptions): Chart {
  let shown = data;
  let plot = make(node, shown, options);
  const resize = new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height: options.height }));
  resize.observe(node);
  return {
    show: (next) => {
      const same = next.series.length === shown.series.length;
      shown = next;
      if (same) plot.setData(aligned(next));
      else redraw();
    },
    recolour: redraw,
    destroy: () => {
      resize.disconnect();
      plot.destroy();
    },
  };

  function redraw() {
    plot.destroy();
    plot = make(node, shown, options);
  }
}

function make(node: HTMLElement, data: ChartData, { height, format, onPoint }: ChartOptions): uPlot {
  const colour = (name: string) => resolved(node, name);
  const axis = {
    stroke: colour('--text-2'),
    grid: { stroke: colour('--border'), width: 1 },
    ticks: { show: false },
  };
  const font = `11px ${getComputedStyle(node).fontFamily}`;
  return new uPlot(
    {
      width: node.clientWidth,
      height,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      // From nought, so that little looks like little.
      scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, font, values: (_plot, ticks) => ticks.map((tick) => clock.format(tick * 1_000)) },
        { ...axis, font, size: AXIS_WIDTH, values: (_plot, ticks) => ticks.map(format) },
      ],
      series: [
        {},
        ...data.series.map(({ label }, at) => ({
          label,
          stroke: colour(`--series-${String(at + 1)}`),
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    },
    aligned(data),
    node,
  );
}

function aligned({ times, series }: ChartData): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

/** A colour of the theme as a canvas takes it. */
function resolved(node: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  node.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
