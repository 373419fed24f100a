/**
 * Whether all text of a value, names of members too, can be kept in PostgreSQL: it takes no NUL, and no half of a surrogate
 * pair. It does not recurse: a request chooses how deep its body is.
 */
export function isStorable(value: unknown): boolean {
  const waiting = [value];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (typeof one === 'string') {
      if (!isStorableText(one)) return false;
    } else if (Array.isArray(one)) for (const item of one as unknown[]) waiting.push(item);
    else if (typeof one === 'object' && one !== null)
      for (const [name, item] of Object.entries(one)) waiting.push(name, item);
  }
  return true;
}

/** The text with a replacement character for each that cannot be kept. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
