import { DrayageError } from '../../core/cause.ts';
import {
  CLOSING_ROUNDS,
  decideNextRound,
  recordedRound,
  type NextRound,
} from '../../core/decideNextRound.ts';
import type { SwitchOptions } from '../../core/memoryInput.ts';
import type { Progress, Round } from '../../core/migration.ts';
import type { Effort } from './stream/memorySource.ts';
import { postingProgress } from './postingProgress.ts';
import { HASTE, type RoundFigures, type SessionProgress } from './stream/memorySession.ts';

interface Rounds {
  round(
    migration: string,
    round: number,
    effort: Effort,
    progress: (now: SessionProgress) => void,
  ): Promise<RoundFigures | null>;
}

/**
 * The rounds between arming and the freeze: while everything was being armed the compute has gone on writing, and what it
 * wrote would be sent frozen. Nobody else is asked meanwhile.
 */
export class ClosingRounds {
  readonly rounds: Round[] = [];
  predicted: { freezeMs: number; wireBytes: number } | null = null;
  readonly #memory: Rounds;
  readonly #migration: string;
  readonly #options: SwitchOptions;
  readonly #post: (now: Progress) => Promise<void>;

  constructor(
    memory: Rounds,
    migration: string,
    options: SwitchOptions,
    post: (now: Progress) => Promise<void>,
  ) {
    this.#memory = memory;
    this.#migration = migration;
    this.#options = options;
    this.#post = post;
  }

  /** @throws DrayageError when the freeze would take longer than it may: the compute was not stopped */
  async run(): Promise<void> {
    for (let count = 1; count <= CLOSING_ROUNDS; count++) {
      const number = this.#options.rounds.length + count;
      const figures = await this.#round(number);
      if (figures === null) return;
      const next = this.#decide(figures);
      if (next.action === 'giveUp') throw tooLong(next);
      if (next.action !== 'round') break;
      if (count === CLOSING_ROUNDS) this.#mustFit();
    }
  }

  #round(round: number): Promise<RoundFigures | null> {
    const expectedFreezeMs =
      this.predicted?.freezeMs ?? this.#options.rounds.at(-1)?.expectedFreezeMs ?? null;
    return postingProgress({ round, expectedFreezeMs }, this.#post, (tell) =>
      this.#memory.round(this.#migration, round, HASTE, tell),
    );
  }

  #decide(figures: RoundFigures): NextRound {
    const { maxDowntimeMs, memoryBytes, fixedFreezeMs } = this.#options;
    const next = decideNextRound({
      rounds: [...this.#options.rounds, ...this.rounds, figures],
      ...{ memoryBytes, fixedFreezeMs, maxDowntimeMs },
      allowThrottle: false,
      throttle: 1,
      closing: true,
    });
    this.rounds.push(recordedRound(figures, next, true));
    const sent = [...this.#options.rounds, ...this.rounds].reduce((sum, { wireBytes }) => sum + wireBytes, 0);
    this.predicted = { freezeMs: next.expectedFreezeMs, wireBytes: Math.round(sent + next.expectedBytes) };
    return next;
  }

  /** There is no time for more rounds; what the last one has left decides. */
  #mustFit(): void {
    const { maxDowntimeMs } = this.#options;
    const expected = this.predicted?.freezeMs ?? 0;
    if (maxDowntimeMs === null || expected <= maxDowntimeMs) return;
    throw new DrayageError({
      code: 'downtimeNotMet',
      message: `The freeze would take about ${Math.round(expected)} ms; ${maxDowntimeMs} ms are allowed.`,
      mend: `Allow ${Math.ceil(expected / 10) * 10} ms (--max-downtime), or move it at a quieter time.`,
    });
  }
}

function tooLong({ code = 'notConverging', reason, mend = '' }: NextRound): DrayageError {
  return new DrayageError({ code, message: reason, mend });
}
