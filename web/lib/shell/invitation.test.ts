import { expect, it } from 'vitest';
import { invitationIn, invitationLink } from './invitation.ts';

it.each([
  ['#invitation=dri_a-B_9', 'dri_a-B_9'],
  ['', null],
  ['#invitation=', null],
  ['#invitation=<b>', null],
  ['#other', null],
])('in %s there is %s', (hash, secret) => {
  expect(invitationIn(hash)).toBe(secret);
});

it('is found in the link that is sent', () => {
  expect(invitationIn(new URL(invitationLink('https://d.example', 'dri_x')).hash)).toBe('dri_x');
});
