import { describe, expect, it } from 'vitest';
import { leadingLayers } from './leadingLayers.ts';

describe('the layers that need not be sent', () => {
  it.each([
    ['none when the device has no image', ['a', 'b'], [], 0],
    ['none when the lowest is another', ['a', 'b'], [['x', 'b']], 0],
    ['those below the first that differs', ['a', 'b', 'c'], [['a', 'b', 'x']], 2],
    ['those of the image that shares most', ['a', 'b', 'c'], [['a'], ['a', 'b'], ['x']], 2],
    ['all of an image that another one stands on', ['a', 'b'], [['a', 'b', 'c']], 2],
    ['a layer that lies elsewhere does not count', ['a', 'b', 'c'], [['b', 'c']], 0],
    ['nothing of an image whose layers are not known', [], [['a']], 0],
  ])('%s', (_name, wanted, held, count) => {
    expect(leadingLayers(wanted, held)).toBe(count);
  });
});
