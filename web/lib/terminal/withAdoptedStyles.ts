/**
 * Does something during which style elements that are made become style sheets that the document adopts: xterm.js writes its
 * colours and sizes into such elements when it opens, which the policy would not let in. Afterwards these work as they would
 * otherwise: a new text replaces the sheet, and removing one removes it.
 */
export function withAdoptedStyles(open: () => void): void {
  const make = document.createElement.bind(document);
  document.createElement = (tag: string) => (tag === 'style' ? adopted(make) : make(tag));
  try {
    open();
  } finally {
    // The document's own is that of its prototype.
    Reflect.deleteProperty(document, 'createElement');
  }
}

/** An element that stands for a style sheet of the document. */
function adopted(make: (tag: string) => HTMLElement): HTMLElement {
  const element = make('template');
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    HTMLElement.prototype.remove.call(element);
  };
  return element;
}
