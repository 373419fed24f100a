import { expect, it } from 'vitest';
import { lifetime, readTypes } from './forms.ts';

it.each([
  ['', []],
  ['migration.*', ['migration.*']],
  [' migration.*, compute.failed\ndevice.joined ', ['migration.*', 'compute.failed', 'device.joined']],
])('"%s" names %j', (text, types) => {
  expect(readTypes(text)).toEqual(types);
});

it.each([
  ['30', { expiresInDays: 30 }],
  ['', {}],
])('"%s" is %o', (days, body) => {
  expect(lifetime(days)).toEqual(body);
});
