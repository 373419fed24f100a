import { expect, test } from 'vitest';
import { isSteady } from './preparing.ts';

test.each([
  ['select "id" from "device" where "device"."id" = $1', true],
  ['insert into "event" ("type", "subject") values ($1, $2) returning "id"', true],
  ['select "id" from "device" where ("device"."state" in ($1))', true],
  ['select from unnest($1::text[], $2::float8[]) as t (subject, cpus)', true],
  ['select "id" from "device" where "device"."id" in ($1, $2)', false],
  ['select "id" from "device" where "device"."id" not in ($1, $2)', false],
  ['insert into "metric" ("subject") values ($1), ($2)', false],
])('%s', (text, steady) => {
  expect(isSteady(text)).toBe(steady);
});
