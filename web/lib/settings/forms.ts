/** Reads types of events with commas or spaces between them; none: all. */
export function readTypes(text: string): string[] {
  return text.split(/[\s,]+/).filter((one) => one !== '');
}

/** How long something is valid that is made now; '' is for ever. */
export const LIFETIMES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: '1 year' },
  { value: '', label: 'Never expires' },
] as const;

/** A chosen lifetime as the API takes it. */
export function lifetime(days: string): { expiresInDays?: number } {
  return days === '' ? {} : { expiresInDays: Number(days) };
}
