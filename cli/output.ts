import type { Command } from 'commander';
import { oneLine } from './table.ts';

export interface JsonFlag {
  json?: boolean;
}

/** A subcommand with `--json`, which every one has. */
export function subcommand(parent: Command, usage: string, description: string): Command {
  return leaf(parent.command(usage).description(description));
}

/** Makes a command one that does something: it gets `--json`. */
export function leaf(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** Prints a result: JSON when asked for, otherwise what `text` makes of it. */
export function print<T>(flags: JsonFlag, value: T, text: (value: T) => string): void {
  process.stdout.write(`${flags.json === true ? JSON.stringify(value) : text(value)}\n`);
}

/** Name and value below each other. */
export function details(pairs: [string, string | number | null | undefined][]): string {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${oneLine(String(value))}`).join('\n');
}

/** An instant as a person thinks of it: `3 s ago`, `2 h ago`, `in 3 days`. */
export function ago(instant: string, now = Date.now()): string {
  const seconds = Math.round((now - Date.parse(instant)) / 1000);
  // The control plane's clock is not this one's.
  if (seconds >= -5) return `${span(Math.max(0, seconds))} ago`;
  return `in ${span(-seconds)}`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${String(seconds)} s`;
  if (seconds < 7200) return `${String(Math.round(seconds / 60))} min`;
  if (seconds < 172_800) return `${String(Math.round(seconds / 3600))} h`;
  return `${String(Math.round(seconds / 86_400))} days`;
}

/** The time of day here, to the next five seconds: `07:12:45`. */
export function clock(instant: string): string {
  const rounded = new Date(Math.ceil(Date.parse(instant) / 5_000) * 5_000);
  return rounded.toLocaleTimeString('en-GB', { hour12: false });
}

/** Milliseconds as a person reads them. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '';
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${ms >= 100 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

/** What takes longer than this is spoken of on stderr, milliseconds. */
const QUIET_MS = 2_000;

export interface Progress {
  /** Says what is being waited for; shown once it has taken longer than two seconds, and again when it changes. */
  say(line: string): void;
  end(): void;
}

export function startProgress(): Progress {
  const startedAt = performance.now();
  let pending = '';
  let shown = '';
  const show = () => {
    if (pending === shown) return;
    shown = pending;
    process.stderr.write(`${pending}\n`);
  };
  const timer = setTimeout(show, QUIET_MS);
  return {
    say(line) {
      pending = line;
      if (performance.now() - startedAt > QUIET_MS) show();
    },
    end() {
      clearTimeout(timer);
    },
  };
}
