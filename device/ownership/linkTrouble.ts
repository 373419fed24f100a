import { DrayageError, type Cause } from '../../core/cause.ts';
import { toCause } from '../../core/toCause.ts';

/** The link went while the compute was being switched over. */
export function linkGone(): DrayageError {
  return new DrayageError({
    code: 'linkLost',
    message: 'The link to the target was lost during the switch.',
    mend: 'Check the network between the two devices, then try again.',
  });
}

/** The cause of a failed step of the switch. A stream whose link was cut says only that it ended early. */
export function switchTrouble(error: unknown): Cause {
  const cut = error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
  return cut ? linkGone().cause_ : toCause(error);
}

/** What a step meets whose worker is ending: another attempt attaches to what the next worker makes of the journal. */
export function workerEnds(): DrayageError {
  return new DrayageError(
    {
      code: 'workerEnds',
      message: "The device's worker ends.",
      mend: 'The next one takes the transfer up.',
    },
    { retryable: true },
  );
}
