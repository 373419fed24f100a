import { afterAll, beforeAll, expect, test } from 'vitest';
import { SampleScene } from '../lab/support/sampleScene.ts';
import { withLab } from '../lab/support.ts';

const MOVES = 200;
const SETUP_MS = 120_000;

const shared = withLab();
const scene = new SampleScene(shared, 'many');
beforeAll(() => scene.create(), SETUP_MS);
afterAll(() => scene.remove(), SETUP_MS);

test(`${MOVES} moves back and forth keep every connection and every answer right`, async () => {
  const talk = await scene.talk();
  const outcomes = new Map<string, number>();
  for (let count = 0; count < MOVES; count += 1) {
    const { state } = await scene.move(count % 2 === 0 ? 'd2' : 'd1');
    outcomes.set(state, (outcomes.get(state) ?? 0) + 1);
  }
  expect(Object.fromEntries(outcomes)).toEqual({ succeeded: MOVES });
  expect(await talk.close()).toMatchObject({ lost: 0, wrong: 0 });
});
