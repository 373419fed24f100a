import { formatDuration } from '../format/numbers.ts';
import type { Migration } from '../state/collections.ts';
import { toast } from '../ui/toast.ts';
import type { StartedMove } from './MoveDialog.svelte';

/** Tells how the moves go that were begun on this page: the notes are read out, too. */
export class MoveNews {
  readonly #begun = new Map<string, string>();

  begin(name: string, { id, target }: StartedMove): void {
    this.#begun.set(id, name);
    toast.done(`${name} moves to ${target.name}.`);
  }

  /** Looks whether one of them has ended. */
  look(migrations: readonly Migration[]): void {
    if (this.#begun.size === 0) return;
    for (const migration of migrations) {
      const name = this.#begun.get(migration.id);
      if (name !== undefined && tell(name, migration)) this.#begun.delete(migration.id);
    }
  }
}

/** False while it is under way. */
function tell(name: string, { state, target, frozenMs, reason, causes, dryRun }: Migration): boolean {
  const [cause] = causes;
  switch (state) {
    case 'succeeded':
      if (dryRun) toast.done(`The trial move of ${name} has ended.`, reason);
      else
        toast.done(
          `${name} is on ${target.name} now.`,
          frozenMs === null ? undefined : `It was frozen for ${formatDuration(frozenMs)}.`,
        );
      return true;
    case 'aborted':
      toast.done(`The move of ${name} was stopped.`, reason);
      return true;
    case 'rolledBack':
    case 'failed':
    case 'refused':
      toast.error(
        `${name} was not moved: ${cause?.message ?? reason}`,
        cause?.mend === '' ? undefined : cause?.mend,
      );
      return true;
    default:
      return false;
  }
}
