import { DrayageError } from './cause.ts';

/** Whose events someone may see. Those of devices everybody may; what else belongs to no tenant is for those who see all. */
export type VisibleTenants = 'all' | readonly string[];

export interface EventFilter {
  tenants: VisibleTenants;
  /** `compute.running`, or `compute.*` for all that begin so; none: every type. */
  types: readonly string[];
  /** Only of what has this id. */
  subject?: string | undefined;
}

const PATTERN = /^(\*|[a-z][a-zA-Z0-9]*(\.[a-zA-Z0-9]+)*(\.\*)?)$/;

/** Reads `compute.*,migration.failed`. @throws DrayageError invalid */
export function parseEventTypes(text: string): string[] {
  const types = text.split(',').map((one) => one.trim());
  const wrong = types.find((one) => !PATTERN.test(one));
  if (wrong === undefined) return types;
  throw new DrayageError({
    code: 'invalid',
    message: `"${wrong}" is no type of events.`,
    mend: 'Name types with commas between them, such as compute.running, or compute.* for all of a kind.',
  });
}

/** Whether an event is one that is asked for and may be seen. */
export function wantsEvent(
  filter: EventFilter,
  event: { type: string; subject: string; tenantId: string | null },
): boolean {
  const { tenants, types, subject } = filter;
  if (tenants !== 'all' && !isVisible(tenants, event)) return false;
  if (subject !== undefined && subject !== event.subject) return false;
  return types.length === 0 || types.some((pattern) => matches(pattern, event.type));
}

function isVisible(tenants: readonly string[], event: { type: string; tenantId: string | null }): boolean {
  if (event.tenantId === null) return event.type.startsWith('device.');
  return tenants.includes(event.tenantId);
}

function matches(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
