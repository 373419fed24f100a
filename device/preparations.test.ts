import { expect, test } from 'vitest';
import { Preparations } from './preparations.ts';

function steps(made: string[]) {
  let release: () => void = () => undefined;
  let begin: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const work = async (signal: AbortSignal) => {
    made.push('first');
    begin();
    await released;
    signal.throwIfAborted();
    made.push('second');
  };
  return { work, begun, release };
}

test('one that is given up makes nothing more, and its end is waited for', async () => {
  const preparations = new Preparations();
  const made: string[] = [];
  const { work, begun, release } = steps(made);
  const prepared = preparations.begin('mig_1', work);
  await begun;
  let cleared = false;
  const ended = preparations.end('mig_1').then(() => (cleared = true));
  await Promise.resolve();
  expect(cleared).toBe(false);
  release();
  await expect(prepared).rejects.toThrow('given up');
  await ended;
  expect(made).toEqual(['first']);
});

test('a second attempt begins when the first has ended', async () => {
  const preparations = new Preparations();
  const made: string[] = [];
  const { work, begun, release } = steps(made);
  const first = preparations.begin('mig_1', work);
  await begun;
  const second = preparations.begin('mig_1', () => Promise.resolve(void made.push('again')));
  expect(made).toEqual(['first']);
  release();
  await expect(first).rejects.toThrow('given up');
  await second;
  expect(made).toEqual(['first', 'again']);
});

test('one that has ended, or was never begun, is nothing to wait for', async () => {
  const preparations = new Preparations();
  await preparations.begin('mig_1', () => Promise.resolve());
  await preparations.end('mig_1');
  await preparations.end('mig_2');
});
