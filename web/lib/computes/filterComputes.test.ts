import { describe, expect, it } from 'vitest';
import type { Compute } from '../state/collections.ts';
import { filterComputes, NO_FILTERS } from './filterComputes.ts';

const compute = (name: string, over: Partial<Compute> = {}): Compute =>
  ({
    ...{ id: `cmp_${name}`, name, ip: '10.77.1.2', state: 'running', groupName: null, labels: {} },
    ...{ image: { id: 'img_1', name: 'acme/site:1' }, device: { id: 'dev_a', name: 'node-a' } },
    ...over,
  }) as Compute;
const ALL = [
  compute('web', { labels: { tier: 'front', zone: '' } }),
  compute('db', { state: 'stopped', device: { id: 'dev_b', name: 'node-b' }, groupName: 'shop' }),
];

describe('computes are filtered', () => {
  it.each([
    ['by nothing', {}, ['web', 'db']],
    ['by state', { state: 'stopped' }, ['db']],
    ['by device', { device: 'dev_a' }, ['web']],
    ['by the name of a label', { label: 'zone' }, ['web']],
    ['by the value of a label', { label: 'tier=front' }, ['web']],
    ['by another value of a label', { label: 'tier=back' }, []],
    ['by an empty value of a label', { label: 'zone=' }, ['web']],
    ['by a word of the name', { text: 'WE' }, ['web']],
    ['by several words, each anywhere', { text: 'node-b shop' }, ['db']],
    ['by a label as a word', { text: 'tier=front' }, ['web']],
    ['by all at once', { text: 'web', state: 'stopped' }, []],
  ])('%s', (_name, filters, expected) => {
    expect(filterComputes(ALL, { ...NO_FILTERS, ...filters }).map(({ name }) => name)).toEqual(expected);
  });
});
