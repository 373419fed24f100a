import { expect, test } from 'vitest';
import { decidePlacement, type PlacementView } from './decidePlacement.ts';

const view: PlacementView = {
  placed: true,
  outdated: false,
  desired: 'running',
  transferOpen: false,
  restart: 'always',
  busy: false,
  container: 'stopped',
};

test.each<[string, Partial<PlacementView>, string]>([
  ['starts what should run after a reboot', {}, 'start'],
  ['leaves what runs', { container: 'running' }, 'leave'],
  ['leaves what should not run', { desired: 'stopped' }, 'leave'],
  ['tells that what is not to be restarted has ended', { restart: 'no' }, 'tellStopped'],
  ['leaves what was not made yet', { container: 'none' }, 'leave'],
  [
    'removes what runs but is placed elsewhere',
    { placed: false, outdated: true, container: 'running' },
    'remove',
  ],
  ['removes what stopped and is placed elsewhere', { placed: false, outdated: true }, 'remove'],
  ['leaves what the control plane knows less of', { placed: false, container: 'running' }, 'leave'],
  [
    'leaves what a machine has in hand, though it is placed elsewhere',
    { placed: false, outdated: true, busy: true, container: 'running' },
    'leave',
  ],
  ['leaves what an open transfer decides about', { transferOpen: true }, 'leave'],
  ['has nothing to do with what is not here', { placed: false, outdated: true, container: 'none' }, 'leave'],
])('%s', (_name, change, action) => {
  expect(decidePlacement({ ...view, ...change }).action).toBe(action);
});
