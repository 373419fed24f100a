/** A part of a line that looks the same throughout. */
export interface Span {
  text: string;
  /** Names of classes: `bold`, `fg1` to `fg15`; empty for plain text. */
  looks: readonly string[];
}

// ESC [ ... letter; ESC ] ... BEL or ESC \; ESC and one more character.
// eslint-disable-next-line no-control-regex -- these are what is looked for
const ESCAPE = /\x1b(?:\[([0-9;:?<=>!]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|[ -/]*[0-~]|$)/g;
// eslint-disable-next-line no-control-regex -- these are what is looked for
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

const TEXT_LOOKS: Record<number, string> = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline' };
/** What ends a look: 22 ends bold and dim. */
const ENDS: Record<number, readonly string[]> = { 22: ['bold', 'dim'], 23: ['italic'], 24: ['underline'] };

/**
 * A line of output in parts, coloured as its SGR sequences say (the 16 colours, bold, dim, italic, underlined). All other
 * escapes and control characters are left out: they do nothing.
 */
export function parseAnsi(line: string): Span[] {
  const spans: Span[] = [];
  let looks: readonly string[] = [];
  let at = 0;
  const push = (end: number) => {
    const text = line.slice(at, end).replace(CONTROL, '');
    if (text !== '') spans.push({ text, looks });
  };
  for (const match of line.matchAll(ESCAPE)) {
    push(match.index);
    at = match.index + match[0].length;
    if (match[2] === 'm') looks = applySgr(looks, match[1] ?? '');
  }
  push(line.length);
  return spans;
}

/** The text alone. */
export function plainText(line: string): string {
  return line.replace(ESCAPE, '').replace(CONTROL, '');
}

function applySgr(before: readonly string[], parameters: string): readonly string[] {
  let looks = [...before];
  const codes = parameters.split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    const colour = colourOf(code);
    if (code === 0) looks = [];
    else if (code === 38 || code === 48) {
      // 256 colours: one number; 24 bits: three. Only the first sixteen have a class.
      const index = codes[at + 1] === 5 ? (codes[at + 2] ?? 0) : null;
      if (code === 38 && index !== null) looks = withColour(looks, index < 16 ? index : null);
      at += codes[at + 1] === 5 ? 2 : 4;
    } else if (colour !== undefined) looks = withColour(looks, colour);
    else if (TEXT_LOOKS[code] !== undefined) looks = [...new Set([...looks, TEXT_LOOKS[code]])];
    else looks = looks.filter((look) => !(ENDS[code] ?? []).includes(look));
  }
  return looks;
}

/** The colour of the text that a code sets; null: its own; undefined: it is about something else. */
function colourOf(code: number): number | null | undefined {
  if (code === 39) return null;
  if (code >= 30 && code <= 37) return code - 30;
  if (code >= 90 && code <= 97) return code - 90 + 8;
  return undefined;
}

function withColour(looks: readonly string[], colour: number | null): string[] {
  const others = looks.filter((look) => !look.startsWith('fg'));
  return colour === null ? others : [...others, `fg${String(colour)}`];
}
