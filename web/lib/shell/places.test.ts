import { expect, it } from 'vitest';
import { PLACES, isIn } from './places.ts';

it.each([
  ['/', 'Overview'],
  ['/devices', 'Devices'],
  ['/devices/dev_1', 'Devices'],
  ['/computes/new', 'Computes'],
  ['/settings/tokens', 'Settings'],
  ['/nowhere', undefined],
])('%s is in %s', (pathname, label) => {
  expect(PLACES.filter((place) => isIn(place, pathname)).map((place) => place.label)).toEqual(
    label === undefined ? [] : [label],
  );
});
