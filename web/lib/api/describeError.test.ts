import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../client/problemError.ts';
import { DrayageError } from '../../../core/cause.ts';
import { describeError, isGone } from './describeError.ts';

const problem = (status: number, causes = [{ code: 'a', message: 'A.', mend: 'Mend it.' }]) =>
  new ProblemError({ type: 'about:blank', title: 't', status, detail: 'Detail.', causes });
const away = new DrayageError(
  { code: 'apiAway', message: 'http://x does not answer.', mend: 'Look at `drayage lab status`.' },
  { retryable: true },
);

describe('an error is described', () => {
  it.each([
    ['a refusal by its own causes', problem(409), ['A.', 'Mend it.', 409, false]],
    ['a failure as one that may pass', problem(503), ['A.', 'Mend it.', 503, true]],
    ['a problem without causes by its detail', problem(500, []), ['Detail.', '', 500, true]],
    [
      'silence in words of the page, not of the command line',
      away,
      [
        'The control plane does not answer.',
        'Check your network, and whether the control plane runs.',
        null,
        true,
      ],
    ],
    [
      'a bug',
      new Error('x is undefined'),
      ['This page has failed: x is undefined.', 'Reload the page.', null, true],
    ],
    ['what is no error', 'odd', ['This page has failed: odd.', 'Reload the page.', null, true]],
  ])('%s', (_name, error, [message, mend, status, retryable]) => {
    expect(describeError(error)).toMatchObject({ causes: [{ message, mend }], status, retryable });
  });
});

it('knows what is gone', () => {
  expect([problem(404), problem(403), away].map(isGone)).toEqual([true, false, false]);
});
