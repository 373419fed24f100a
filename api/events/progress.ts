import { setTimeout as pause } from 'node:timers/promises';
import { type EventView, PROGRESS } from '../../core/api/events.ts';
import { formatBytes } from '../../core/memorySize.ts';
import type { Database } from '../../db/database.ts';
import { type OpenProgress, openProgress } from '../../db/migrationMemory.ts';

/** Between two looks, milliseconds: progress is told twice a second at most. */
const PERIOD_MS = 500;

/**
 * Tells how far moves are. Their sources write it into the moves' rows anyway; here it is read from there, for all moves at
 * once and only while there are any, so that it costs a move nothing.
 */
export class ProgressWatch {
  readonly #db: Database;
  readonly #tell: (event: EventView, tenantId: string) => void;
  readonly #closing = new AbortController();
  /** When the progress that was told last was written, by move. */
  readonly #told = new Map<string, number>();
  /** Moves whose end was told since the last look began. */
  readonly #ended = new Set<string>();
  #due = false;
  #looking: Promise<void> | null = null;

  constructor(db: Database, tell: (event: EventView, tenantId: string) => void) {
    this.#db = db;
    this.#tell = tell;
  }

  /** There may be a move: looks, and goes on for as long as there is one. */
  look(): void {
    this.#due = true;
    this.#looking ??= this.#lookOn();
  }

  /** Nothing is told of a move after its end. */
  ended(migrationId: string): void {
    this.#ended.add(migrationId);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#due && !signal.aborted) {
      this.#due = false;
      this.#ended.clear();
      try {
        const open = await openProgress(this.#db);
        for (const move of open) this.#tellOf(move);
        for (const id of this.#told.keys()) if (!open.some((move) => move.id === id)) this.#told.delete(id);
        this.#due ||= open.length > 0;
      } catch {
        // The reader of events says that the database is away.
        this.#due = true;
      }
      if (this.#due) await pause(PERIOD_MS, undefined, { signal }).catch(() => undefined);
    }
    this.#looking = null;
  }

  #tellOf({ id, tenantId, progress, at }: OpenProgress): void {
    if (progress === null || at === null || this.#ended.has(id) || this.#told.get(id) === at.getTime())
      return;
    this.#told.set(id, at.getTime());
    const message = `Round ${String(progress.round)}: ${formatBytes(progress.wireBytes)} on the wire so far.`;
    const event = { id: null, type: PROGRESS, subject: id, actor: null, message, data: progress };
    this.#tell({ ...event, at: at.toISOString() }, tenantId);
  }
}
