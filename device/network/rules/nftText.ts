/** Elements of an nftables set, as its declaration wants them; an empty set has no such line. */
export function elements(all: readonly string[]): string {
  return all.length === 0 ? '' : ` elements = { ${[...new Set(all)].join(', ')} };`;
}

/** A table that takes the place of the one of its name, in one transaction. */
export function replaceTable(family: 'bridge' | 'ip', body: string): string {
  return `table ${family} drayage\ndelete table ${family} drayage\ntable ${family} drayage {\n${body}}\n`;
}
