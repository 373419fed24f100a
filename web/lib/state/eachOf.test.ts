import { expect, it } from 'vitest';
import { eachOf } from './eachOf.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve));

it('works on so many at a time, and gives the results in order', async () => {
  let now = 0;
  let most = 0;
  const results = await eachOf([5, 1, 4, 2, 3], 2, async (turns) => {
    most = Math.max(most, (now += 1));
    for (let left = turns; left > 0; left -= 1) await turn();
    now -= 1;
    return turns * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});
