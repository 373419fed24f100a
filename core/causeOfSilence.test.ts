import { expect, test } from 'vitest';
import { causeOfSilence } from './causeOfSilence.ts';

test.each([
  ['copyRound', 'copyLost', /source device .* memory was being copied/],
  ['syncFiles', 'workerLost', /source device .* files were being copied/],
  ['awaitRoundEnding', 'workerLost', /source device .* memory was being copied/],
  ['armSource', 'workerLost', /source device .* armed/],
  ['armTarget', 'workerLost', /target device .* armed/],
  ['takeSnapshot', 'workerLost', /compute's device .* snapshot/],
  ['restoreSnapshot', 'workerLost', /device .* restored/],
])('a silent %s is a %s', (activity, code, message) => {
  const cause = causeOfSilence(activity);
  expect(cause?.code).toBe(code);
  expect(cause?.message).toMatch(message);
  expect(cause?.mend).not.toBe('');
});

test('what is no step of a move has no such cause', () => {
  expect(causeOfSilence('setMigrationState')).toBeNull();
});
