import type { Terminal } from '@xterm/xterm';
import { withAdoptedStyles } from './withAdoptedStyles.ts';

/**
 * Opens a terminal under a policy that lets no inline style in. Colours of 24 bits and those that are changed for their contrast
 * xterm.js would write into style attributes; setting the properties of an element's style is allowed.
 */
export function openWithoutInlineStyles(terminal: Terminal, parent: HTMLElement): void {
  withAdoptedStyles(() => terminal.open(parent));
  const rows = rowFactoryOf(terminal);
  if (rows) rows._addStyle = (element, style) => (element.style.cssText += style);
}

interface RowFactory {
  _addStyle: (element: HTMLElement, style: string) => void;
}

/** What makes the rows, which is not public; where another version has none, such colours are not shown. */
function rowFactoryOf(terminal: Terminal): RowFactory | undefined {
  const inner = terminal as unknown as {
    _core?: { _renderService?: { _renderer?: { value?: { _rowFactory?: RowFactory } } } };
  };
  return inner._core?._renderService?._renderer?.value?._rowFactory;
}
