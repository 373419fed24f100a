/** The words of a filter; all of them have to be in a thing's text. */
export function filterWords(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Whether every word is somewhere in one of the texts. */
export function hasWords(words: readonly string[], texts: readonly (string | null)[]): boolean {
  const whole = texts.join('\n').toLowerCase();
  return words.every((word) => whole.includes(word));
}

/** Labels as one writes them: `floor=1`. */
export function labelTexts(labels: Record<string, string>): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}
