import { ProblemError } from '../../../client/problemError.ts';
import { type Cause, DrayageError } from '../../../core/cause.ts';

/** What a person is told of something that failed. */
export interface DescribedError {
  /** Never empty; the first is the one to show where there is place for one. */
  causes: readonly [Cause, ...Cause[]];
  /** Of the answer; null when there was none. */
  status: number | null;
  /** Whether trying the same again can help. */
  retryable: boolean;
}

const AWAY: Cause = {
  code: 'apiAway',
  message: 'The control plane does not answer.',
  mend: 'Check your network, and whether the control plane runs.',
};
const OTHER_VERSION: Cause = {
  code: 'unexpectedAnswer',
  message: 'The answer of the control plane is not what this page expects.',
  mend: 'Reload the page: the control plane may have another version by now.',
};

/** Says what failed and what helps, whatever was thrown. */
export function describeError(error: unknown): DescribedError {
  if (error instanceof ProblemError) {
    const { status, causes, detail } = error.problem;
    const [first = { code: 'problem', message: detail, mend: '' }, ...rest] = causes;
    return { causes: [first, ...rest], status, retryable: status >= 500 || status === 429 };
  }
  if (error instanceof DrayageError) {
    // The client's own words are for the command line.
    const known = [AWAY, OTHER_VERSION].find(({ code }) => code === error.cause_.code);
    return { causes: [known ?? error.cause_], status: null, retryable: error.retryable };
  }
  const message = `This page has failed: ${error instanceof Error ? error.message : String(error)}.`;
  return {
    causes: [{ code: 'page', message: message.replace(/\.+$/, '.'), mend: 'Reload the page.' }],
    status: null,
    retryable: true,
  };
}

/** Whether what was asked for is not there (any more), or is not to be known here. */
export function isGone(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.status === 404;
}
