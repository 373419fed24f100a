import type { Migration } from '../../core/migration.ts';
import { formatBytes } from '../../core/memorySize.ts';
import type { ControlApi } from '../controlApi.ts';
import { abortable } from './abortable.ts';
import type { DemoClient } from './demoClient.ts';
import type { Move } from './figures.ts';
import { phaseBars } from './phaseBars.ts';
import { moveCompute } from './sampleCompute.ts';
import type { Screen } from './screen.ts';
import { failureLines, moveLine } from './summaryText.ts';

export interface MovesInput {
  api: ControlApi;
  /** Id of the compute. */
  compute: string;
  /** The compute is on the first one; each move goes to the next. */
  devices: readonly string[];
  moves: number;
  client: DemoClient;
}

export interface Moves {
  /** One more than `moves` when the last one was refused. */
  attempted: number;
  moves: Move[];
  /** Where the compute is. */
  device: string;
}

/** Moves the compute again and again while the client talks to it, and shows each move. */
export async function moveBackAndForth(
  input: MovesInput,
  screen: Screen,
  signal: AbortSignal,
): Promise<Moves> {
  const { devices, client } = input;
  const done: Moves = { attempted: 0, moves: [], device: devices[0] ?? '' };
  while (done.attempted < input.moves) {
    const target = devices[(devices.indexOf(done.device) + 1) % devices.length] ?? '';
    done.attempted += 1;
    const number = done.attempted;
    const look = (migration: Migration) =>
      screen.status(`move ${number}/${input.moves}  ${progressOf(migration)}`);
    await abortable(client.mark(`before ${number}`), signal);
    let migration: Migration;
    try {
      migration = await abortable(moveCompute(input.api, input.compute, target, { look }), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      screen.lines([
        `move ${number}/${input.moves} to ${target} could not be made:`,
        `  ${(error as Error).message}`,
      ]);
      return done;
    } finally {
      screen.status('');
    }
    const { gapMs } = await abortable(client.mark(`move ${number}`), signal);
    done.moves.push({ migration, gapMs });
    if (migration.state === 'succeeded') done.device = target;
    screen.lines([
      moveLine(number, input.moves, migration, gapMs, screen.paint),
      ...failureLines(migration),
      ...phaseBars(migration.phases, screen.width, screen.paint),
      '',
    ]);
  }
  return done;
}

function progressOf({ source, target, state, reason, wireBytes }: Migration): string {
  const sent = wireBytes > 0 ? `, ${formatBytes(wireBytes)} sent` : '';
  return `${source.name} → ${target.name}  ${state}${sent}${reason === '' ? '' : `: ${reason}`}`;
}
