import type { Body } from '../../../client/createClient.ts';
import { migrateRequestSchema } from '../../../core/api/migrations.ts';

/** What is asked for besides the target, as the form has it: an empty text asks for nothing. */
export interface MoveOptions {
  maxDowntimeMs: string;
  bandwidthMbit: string;
  allowThrottle: boolean;
  endSessions: boolean;
  dryRun: boolean;
}

export const NO_OPTIONS: MoveOptions = {
  maxDowntimeMs: '',
  bandwidthMbit: '',
  allowThrottle: false,
  endSessions: false,
  dryRun: false,
};

export type MoveRequest = NonNullable<Body<'/computes/{id}/migrations', 'post'>>;

export interface CheckedMove {
  request: MoveRequest;
  /** By the field; none: the request may be sent. */
  errors: { maxDowntimeMs?: string; bandwidthMbit?: string };
}

/** The request for a move, and what is wrong with the options. */
export function checkMove(target: string, options: MoveOptions): CheckedMove {
  const { allowThrottle, endSessions, dryRun } = options;
  const maxDowntimeMs = numberOf(options.maxDowntimeMs);
  const bandwidthMbit = numberOf(options.bandwidthMbit);
  const request: MoveRequest = {
    target,
    ...(maxDowntimeMs === undefined ? {} : { maxDowntimeMs }),
    ...(bandwidthMbit === undefined ? {} : { bandwidthMbit }),
    ...(allowThrottle ? { allowThrottle } : {}),
    ...(endSessions ? { endSessions } : {}),
    ...(dryRun ? { dryRun } : {}),
  };
  const { success, error } = migrateRequestSchema.safeParse(request);
  if (success) return { request, errors: {} };
  const wrong = new Set(error.issues.map(({ path }) => path[0]));
  return {
    request,
    errors: {
      ...(wrong.has('maxDowntimeMs') ? { maxDowntimeMs: 'A whole number from 1 to 600,000.' } : {}),
      ...(wrong.has('bandwidthMbit') ? { bandwidthMbit: 'A number from 1 to 100,000.' } : {}),
    },
  };
}

/** Undefined: nothing was written; NaN: no number. */
function numberOf(text: string): number | undefined {
  return text.trim() === '' ? undefined : Number(text.trim());
}
