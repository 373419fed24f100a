/** The control plane's part of the ownership protocol, as pure rules. */

export const TransferOutcome = { owner: 'owner', discarded: 'discarded', thawed: 'thawed' } as const;
/** How a transfer ended: the target owns the group, or discarded its copy, or the source thawed its own. */
export type TransferOutcome = (typeof TransferOutcome)[keyof typeof TransferOutcome];

export type Verdict = 'none' | 'go' | 'abort';
export type TransferRole = 'source' | 'target';
export type VerdictWish = 'abort' | 'go' | 'verdict';
/** What a device reports of a transfer. `released`: the source's copy is gone, after the target's `live`. */
export type TransferReport = TransferOutcome | 'released';

export interface TransferFacts {
  verdict: Verdict;
  outcome: TransferOutcome | null;
  closed: boolean;
}

/** What is answered to a device that asks. */
export interface VerdictAnswer {
  verdict: Verdict;
  closed: boolean;
  outcome: TransferOutcome | null;
}

export interface VerdictDecision {
  action: 'keep' | 'giveGo' | 'giveAbort';
  reason: string;
}

/**
 * Whether a question changes the verdict. A verdict once given is final: `abort` only to a source and `go` only to a
 * target, and only while there is none.
 */
export function decideVerdict(
  transfer: TransferFacts,
  role: TransferRole,
  wants: VerdictWish,
): VerdictDecision {
  if (transfer.verdict !== 'none') return { action: 'keep', reason: 'the verdict is final' };
  if (transfer.closed) return { action: 'keep', reason: 'the transfer is closed' };
  if (wants === 'abort' && role === 'source')
    return { action: 'giveAbort', reason: 'the source asked first' };
  if (wants === 'go' && role === 'target')
    return { action: 'giveGo', reason: 'the target is ready and asked first' };
  if (wants === 'verdict') return { action: 'keep', reason: 'only asked for the verdict' };
  return { action: 'keep', reason: `a ${role} cannot ask for ${wants}` };
}

/** The answer for a transfer as it is now: `discarded` outranks `go`, so the source of such a transfer hears `abort`. */
export function verdictAnswer(transfer: TransferFacts): VerdictAnswer {
  const verdict = transfer.outcome === 'discarded' ? 'abort' : transfer.verdict;
  return { verdict, closed: transfer.closed, outcome: transfer.outcome };
}

export interface ReportDecision {
  action: 'close' | 'nothing' | 'contradiction';
  reason: string;
  outcome: TransferOutcome;
  verdict: Verdict;
  /** What becomes of the placement: to the target; stays with its epoch; stays under the epoch after the transfer's. */
  placement: 'advance' | 'keep' | 'next' | 'untouched';
}

/**
 * What a report does. `owner` (or `released`, which a source sends only after the target's `live`) moves the placement
 * to the target. `discarded` leaves it at the source under the next epoch, also after `go`; so does `thawed` after `go`,
 * for then the source had the target's `discarded` in hand. A report against a final record changes nothing.
 */
export function decideReport(transfer: TransferFacts, report: TransferReport): ReportDecision {
  const outcome: TransferOutcome = report === 'released' ? 'owner' : report;
  const same = { outcome, verdict: transfer.verdict, placement: 'untouched' } as const;
  if (outcome === 'owner') {
    if (transfer.outcome === 'owner') return { action: 'nothing', reason: 'already recorded', ...same };
    if (transfer.verdict === 'abort' || transfer.outcome !== null)
      return { action: 'contradiction', reason: 'the transfer was given back to the source', ...same };
    return {
      action: 'close',
      reason: 'the target owns the group',
      outcome,
      verdict: 'go',
      placement: 'advance',
    };
  }
  if (transfer.outcome === 'owner')
    return { action: 'contradiction', reason: 'the target already owns the group', ...same };
  if (transfer.closed) return { action: 'nothing', reason: 'already closed for the source', ...same };
  if (outcome === 'discarded') {
    const verdict = transfer.verdict === 'none' ? 'abort' : transfer.verdict;
    return { action: 'close', reason: 'the target discarded its copy', outcome, verdict, placement: 'next' };
  }
  if (transfer.verdict === 'go')
    return {
      action: 'close',
      reason: 'the source thawed on discarded',
      outcome: 'discarded',
      verdict: 'go',
      placement: 'next',
    };
  return { action: 'close', reason: 'the source runs on', outcome, verdict: 'abort', placement: 'keep' };
}
