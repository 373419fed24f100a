import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { openWithoutInlineStyles } from './withoutInlineStyles.ts';

export interface OpenTerminal {
  terminal: Terminal;
  size: () => { columns: number; rows: number };
  /** Takes the colours of the theme that is shown now. */
  recolour: () => void;
  close: () => void;
}

/** Lines that can be scrolled back to. */
const SCROLLBACK = 5_000;

/** A terminal that fills an element. Comes with its library: to be imported when one is needed. */
export function openTerminal(parent: HTMLElement, label: string): OpenTerminal {
  const style = getComputedStyle(parent);
  const terminal = new Terminal({
    fontFamily: style.getPropertyValue('--mono'),
    fontSize: 13,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    scrollback: SCROLLBACK,
    // Programs choose colours for other backgrounds.
    minimumContrastRatio: 4.5,
    theme: coloursOf(parent),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  openWithoutInlineStyles(terminal, parent);
  terminal.textarea?.setAttribute('aria-label', label);
  fit.fit();
  const watcher = new ResizeObserver(() => fit.fit());
  watcher.observe(parent);
  return {
    terminal,
    size: () => ({ columns: terminal.cols, rows: terminal.rows }),
    recolour: () => (terminal.options.theme = coloursOf(parent)),
    close: () => {
      watcher.disconnect();
      terminal.dispose();
    },
  };
}

/** xterm.js takes colours as numbers, not as the page's variables. */
function coloursOf(element: HTMLElement): Record<string, string> {
  const probe = document.createElement('span');
  element.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    background: colour('surface'),
    foreground: colour('text'),
    cursor: colour('accent'),
    cursorAccent: colour('surface'),
    selectionBackground: colour('accent-soft'),
    selectionForeground: colour('text'),
    ...{
      black: colour('text'),
      brightBlack: colour('text-2'),
      white: colour('text-2'),
      brightWhite: colour('text'),
    },
    ...{ red: colour('bad'), brightRed: colour('bad'), green: colour('ok'), brightGreen: colour('ok') },
    ...{
      yellow: colour('warn'),
      brightYellow: colour('warn'),
      blue: colour('accent'),
      brightBlue: colour('accent'),
    },
    ...{ magenta: colour('busy'), brightMagenta: colour('busy') },
    ...{ cyan: colour('series-3'), brightCyan: colour('series-3') },
  };
  probe.remove();
  return colours;
}
