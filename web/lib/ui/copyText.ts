/** Puts a text into the clipboard; false where that may not be. Without TLS only the old way is there. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Refused: the old way may still be allowed.
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  // Deprecated, and the only one that plain http has.
  const done = (document as { execCommand?: (command: string) => boolean }).execCommand?.('copy') ?? false;
  area.remove();
  return done;
}
