import { expect, it } from 'vitest';
import { imageNameError, imageNameOf } from './imageName.ts';

it.each([
  ['sample', true],
  ['shop/web:1.2', true],
  ['registry.example.org/a/b:latest', true],
  ['Shop', false],
  ['a b', false],
  ['a:', false],
  ['img_1', false],
  ['a'.repeat(129), false],
  ['', false],
])('%j may be a name: %s', (name, good) => {
  expect(imageNameError(name) === undefined).toBe(good);
});

it.each([
  ['web.tar', 'web'],
  ['My Shop_1.tar.gz', 'my-shop-1'],
  ['.tgz', ''],
  ['ünïcode.tar', 'n-code'],
])('%j suggests %j', (file, name) => {
  expect(imageNameOf(file)).toBe(name);
});
