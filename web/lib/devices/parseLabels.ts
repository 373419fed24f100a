import { labelsSchema } from '../../../core/compute.ts';

export type ParsedLabels = { labels: Record<string, string>; error?: undefined } | { error: string };

/** Labels as they are written in a form: one `name=value` a line. */
export function parseLabels(text: string): ParsedLabels {
  const labels: Record<string, string> = {};
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue;
    const at = line.indexOf('=');
    if (at < 1) return { error: `“${line}” is no label: write name=value.` };
    labels[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  const { success, error } = labelsSchema.safeParse(labels);
  if (success) return { labels };
  const name = String(error.issues[0]?.path[0] ?? '');
  return { error: `“${name}” cannot be a label: names are small letters, digits and . _ / - between them.` };
}

/** The other way round. */
export function writeLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');
}
