import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { expect, test } from 'vitest';
import { readAttempts } from './readAttempts.ts';

const { History } = proto.temporal.api.history.v1;
const HISTORIES = join(import.meta.dirname, '../../test/histories');

/** What Temporal had of a move that ended. */
function recorded(name: string) {
  return History.decode(readFileSync(join(HISTORIES, `${name}.bin`))).events;
}

test('a move in which all went well has none', () => {
  expect(readAttempts({ events: recorded('moved'), pending: [] })).toEqual([]);
});

test('a step that failed is there with the cause that its device gave', () => {
  expect(readAttempts({ events: recorded('prepare-failed'), pending: [] })).toMatchObject([
    {
      ...{ activity: 'prepareTarget', step: 'image, network, container', state: 'failed', attempts: 1 },
      ...{ taskQueue: 'device-dev_000000000002', cause: { code: 'noSpace', message: 'noSpace happened' } },
    },
  ]);
});

test('a worker that was silent in every attempt has said nothing: the cause says what it was at', () => {
  expect(readAttempts({ events: recorded('round-unanswered'), pending: [] })).toMatchObject([
    { activity: 'copyRound', step: 'round 1', state: 'failed', attempts: 2, cause: { code: 'copyLost' } },
  ]);
});

test('a step that is tried again just now has its attempts and its last failure', () => {
  const events = recorded('prepare-failed');
  const scheduled = events.findIndex(
    ({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name === 'prepareTarget',
  );
  const activityId = events[scheduled]?.activityTaskScheduledEventAttributes?.activityId ?? '';
  const lastFailure = { message: 'the disk is gone' };
  expect(
    readAttempts({
      events: events.slice(0, scheduled + 1),
      pending: [{ activityId, attempt: 3, lastFailure }],
    }),
  ).toMatchObject([
    {
      state: 'running',
      attempts: 3,
      endedAt: null,
      cause: { code: 'unexpected', message: 'the disk is gone' },
    },
  ]);
});
