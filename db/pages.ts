import { DrayageError } from '../core/cause.ts';

export interface PageRequest {
  /** At most this many items. */
  limit: number;
  cursor?: string | undefined;
}

export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/** The sequence number a cursor stands for; null for the first page. Refuses a cursor that was not made here. */
export function cursorSequence(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^s[0-9]{1,15}$/.test(text)) {
    throw new DrayageError({
      code: 'badCursor',
      message: 'The cursor is not one that was given out.',
      mend: 'Start again without a cursor.',
    });
  }
  return Number(text.slice(1));
}

/** Makes a page of rows that were asked for with `limit + 1`. */
export function toPage<T extends { seq: number }>(rows: T[], limit: number): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, nextCursor: more ? Buffer.from(`s${String(last.seq)}`).toString('base64url') : null };
}
