import { expect, it } from 'vitest';
import { LOG_LINE_MAX_CHARACTERS, LOG_MAX_LINES } from '../../core/application.ts';
import { BuildLog } from './buildLog.ts';

/** A control plane that is away for its first so many calls. */
function record(away = 0) {
  let log: string[] = [];
  let calls = 0;
  const tell = (from: number, lines: string[]) => {
    if (++calls <= away) return Promise.reject(new Error('away'));
    log = [...log.slice(0, from), ...lines];
    return Promise.resolve();
  };
  return { tell, log: () => log };
}

it('tells every line once and in order, also those that could not be told at first', async () => {
  const { tell, log } = record(1);
  const build = new BuildLog(tell);
  build.add('one');
  await build.close();
  expect(log()).toEqual([]);
  build.add('two');
  await build.close();
  build.add('three');
  await build.close();
  expect(log()).toEqual(['one', 'two', 'three']);
});

it('is bounded, and holds nothing that a terminal would act upon', async () => {
  const { tell, log } = record();
  const build = new BuildLog(tell);
  build.add(`\u001b[2Jgone${'x'.repeat(5000)}`);
  for (let line = 0; line < 2 * LOG_MAX_LINES; line += 1) build.add('line');
  await build.close();
  expect(log()).toHaveLength(LOG_MAX_LINES);
  expect(log()[0]).toMatch(/^ \[2Jgonex+$/);
  expect(log()[0]).toHaveLength(LOG_LINE_MAX_CHARACTERS);
  expect(log().at(-1)).toBe('(more is not kept)');
});
