import { expect, test } from 'vitest';
import { decideFailover, type LostGroup } from './decideFailover.ts';

type Compute = LostGroup['computes'][number];

function compute(change: Partial<Compute> = {}, spec: Partial<Compute['spec']> = {}): Compute {
  return {
    ...{ name: 'web', state: 'running', desired: 'running' },
    ...change,
    spec: {
      protection: { kind: 'restart' },
      restartPolicy: { name: 'always', maximumRetries: 0 },
      ...spec,
    },
  };
}

const KEPT: Partial<Compute['spec']> = { protection: { kind: 'checkpoint', everySeconds: 10 } };

test.each<[string, Partial<LostGroup>, string]>([
  ['what ran and may be started elsewhere is', {}, 'restart'],
  ['so is what was on its way to this device', { computes: [compute({ state: 'creating' })] }, 'restart'],
  ['so is what was about to leave it', { computes: [compute({ state: 'migrating' })] }, 'restart'],
  ['what no device could take so far is tried again', { computes: [compute({ state: 'lost' })] }, 'restart'],
  ['while a move is open its other device decides', { transferOpen: true }, 'wait'],
  [
    'what nobody allowed to be started elsewhere waits for its device',
    { computes: [compute({}, { protection: undefined })] },
    'leave',
  ],
  [
    'one such of a group keeps all of it',
    { computes: [compute(), compute({}, { protection: undefined })] },
    'leave',
  ],
  [
    'what was stopped is not started',
    { computes: [compute({ state: 'stopped', desired: 'stopped' })] },
    'leave',
  ],
  ['what is about to be stopped is not started', { computes: [compute({ desired: 'stopped' })] }, 'leave'],
  ['what had failed is not started', { computes: [compute({ state: 'failed' })] }, 'leave'],
  [
    'what is not to be started again is not started',
    { computes: [compute({}, { restartPolicy: { name: 'on-failure', maximumRetries: 0 } })] },
    'leave',
  ],
  ['what has no checkpoint yet waits for its device', { computes: [compute({}, KEPT)] }, 'leave'],
  [
    'what has a checkpoint goes on from it',
    { computes: [compute({}, KEPT)], checkpoint: { keeper: { lives: false } } },
    'restore',
  ],
  [
    'and so does what is not to be started again: it is not',
    {
      checkpoint: { keeper: { lives: false } },
      computes: [compute({}, { ...KEPT, restartPolicy: { name: 'no', maximumRetries: 0 } })],
    },
    'restore',
  ],
  ['a checkpoint on a device that does not answer is waited for', { checkpoint: { keeper: null } }, 'wait'],
  [
    'what lives by the word of the device that has its checkpoint is left alone',
    { checkpoint: { keeper: { lives: true } }, computes: [compute({}, KEPT)] },
    'wait',
  ],
  ['of an empty group nothing is started', { computes: [] }, 'leave'],
])('%s', (_, group, action) => {
  const { action: decided, reason } = decideFailover({
    ...{ transferOpen: false, checkpoint: null },
    computes: [compute()],
    ...group,
  });
  expect(decided).toBe(action);
  expect(reason).not.toBe('');
});
