import type { Terminal } from '@xterm/xterm';

/**
 * Opens a terminal under a policy that lets no inline style in. xterm.js writes its colours and sizes into <style> elements that
 * it makes while it opens, and colours of 24 bits into style attributes. Style sheets that are made by script and the
 * properties of an element's style are allowed: here they take the place of both.
 */
export function openWithoutInlineStyles(terminal: Terminal, parent: HTMLElement): void {
  const create = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions) =>
    name === 'style' ? styleSheetElement(create) : create(name, options);
  try {
    terminal.open(parent);
  } finally {
    // The document's own is that of its prototype.
    Reflect.deleteProperty(document, 'createElement');
  }
  const rows = rowFactoryOf(terminal);
  if (rows) rows._addStyle = (element, style) => (element.style.cssText += style);
}

/** Stands where a <style> would: its text becomes a style sheet of the document for as long as it is there. */
function styleSheetElement(create: typeof document.createElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const element = create('span');
  element.hidden = true;
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    Element.prototype.remove.call(element);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  };
  return element;
}

interface RowFactory {
  _addStyle: (element: HTMLElement, style: string) => void;
}

/** What makes the rows, which is not public; where another version has none, 24-bit colours are not shown. */
function rowFactoryOf(terminal: Terminal): RowFactory | undefined {
  const inner = terminal as unknown as {
    _core?: { _renderService?: { _renderer?: { value?: { _rowFactory?: RowFactory } } } };
  };
  return inner._core?._renderService?._renderer?.value?._rowFactory;
}
