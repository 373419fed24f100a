import { describe, expect, it } from 'vitest';
import { actorWords, kindOf, resultOf, subjectHref } from './describeEvent.ts';

describe('the page of what an event is about', () => {
  it.each([
    ['compute.running', '/computes/x%2F1'],
    ['migration.succeeded', '/migrations/x%2F1'],
    ['device.joined', '/devices/x%2F1'],
    ['app.queued', '/apps/x%2F1'],
    ['compute.deleted', null],
    ['device.retired', null],
    ['tenant.created', null],
    ['odd', null],
  ])('%s: %s', (type, href) => {
    expect(subjectHref({ type, subject: 'x/1' })).toBe(href);
  });
});

it.each([
  ['compute.running', 'compute'],
  ['odd', 'odd'],
])('%s is of the kind %s', (type, kind) => {
  expect(kindOf({ type })).toBe(kind);
});

it.each([
  [null, 'control plane'],
  ['usr_1', 'you'],
  ['usr_2', 'anna@example.org'],
  ['usr_3', 'usr_3'],
])('%s is %s', (actor, words) => {
  expect(actorWords(actor, 'usr_1', new Map([['usr_2', 'anna@example.org']]))).toBe(words);
});

it.each([
  [204, 'Done'],
  [404, 'Refused'],
  [503, 'Failed'],
])('an answer of %i: %s', (status, word) => {
  expect(resultOf(status).word).toBe(word);
});
