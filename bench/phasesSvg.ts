import type { MoveSample, Step } from './sample.ts';

/** From where on clients feel a move; a peer's procedure is felt as a whole. */
const HOT = ['freeze', 'plug', 'dump', 'transfer', 'restore', 'handOver', 'unplug', 'checkpoint', 'copy'];
const COLOURS: Record<string, string> = {
  freeze: '#b58900',
  plug: '#2aa198',
  dump: '#268bd2',
  transfer: '#d33682',
  restore: '#859900',
  handOver: '#cb4b16',
  unplug: '#6c71c4',
  checkpoint: '#268bd2',
  copy: '#d33682',
};
const OTHER = '#93a1a1';

const WIDTH = 900;
const LEFT = 150;
const RIGHT = 110;
const ROW = 24;
const BAR = 16;
const TOP = 56;

/** A piece of a bar: time that no earlier phase has, milliseconds. */
export interface Piece {
  name: string;
  ms: number;
}

/**
 * The felt phases of a move, stacked: phases run beside each other, so each piece is what its phase adds to those that
 * began before it. Time that no phase has is a piece of its own, named ''.
 */
export function stackPhases(steps: readonly Step[]): Piece[] {
  const hot = steps.filter(({ name }) => HOT.includes(name)).sort((a, b) => a.startedAt - b.startedAt);
  const pieces: Piece[] = [];
  let end = hot[0]?.startedAt ?? 0;
  for (const { name, startedAt, ms } of hot) {
    if (startedAt > end) pieces.push({ name: '', ms: startedAt - end });
    const from = Math.max(end, startedAt);
    const to = startedAt + ms;
    if (to > from) pieces.push({ name, ms: to - from });
    end = Math.max(from, to);
  }
  return pieces;
}

/** A drawing of moves of one workload over one link: a stacked bar for each, all on one scale. */
export function phasesSvg(title: string, moves: readonly MoveSample[]): string {
  const bars = moves.map((move) => ({ move, pieces: stackPhases(move.steps) }));
  const longest = Math.max(1, ...bars.map(({ move, pieces }) => Math.max(move.gapMs, total(pieces))));
  const scale = (WIDTH - LEFT - RIGHT) / longest;
  const height = TOP + bars.length * ROW + 12;
  const names = [...new Set(bars.flatMap(({ pieces }) => pieces.map(({ name }) => name)))].filter(Boolean);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(12, 20, title, 'font-weight="bold"'),
    ...legend(names),
    ...bars.flatMap(({ move, pieces }, index) => barOf(move, pieces, TOP + index * ROW, scale)),
    '</svg>',
    '',
  ].join('\n');
}

function legend(names: readonly string[]): string[] {
  return names.flatMap((name, index) => {
    const x = 12 + index * 92;
    return [
      `<rect x="${x}" y="30" width="12" height="12" fill="${colourOf(name)}"/>`,
      text(x + 16, 41, name),
    ];
  });
}

/** The phases as boxes, and the client's gap as a line below them. */
function barOf(move: MoveSample, pieces: readonly Piece[], y: number, scale: number): string[] {
  let x = LEFT;
  const boxes = pieces.map(({ name, ms }) => {
    const box = `<rect x="${x.toFixed(1)}" y="${y}" width="${(ms * scale).toFixed(2)}" height="${BAR}" fill="${colourOf(name)}"><title>${name === '' ? 'between' : name} ${ms.toFixed(1)} ms</title></rect>`;
    x += ms * scale;
    return box;
  });
  const end = LEFT + move.gapMs * scale;
  const words = `${move.gapMs.toFixed(0)} ms${move.lost > 0 ? ', lost' : ''}`;
  return [
    text(12, y + 12, `${move.contender} ${move.repeat}`),
    ...boxes,
    `<line x1="${LEFT}" y1="${y + BAR + 2}" x2="${end.toFixed(1)}" y2="${y + BAR + 2}" stroke="#000000" stroke-width="2"/>`,
    text(Math.max(end, x) + 6, y + 12, words),
  ];
}

function total(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { ms }) => sum + ms, 0);
}

function colourOf(name: string): string {
  return COLOURS[name] ?? OTHER;
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(0)}" y="${y}" ${more}>${safe}</text>`;
}
