import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import type { Engine } from '../engine/types.ts';
import { MemoryMoves } from './memoryMoves.ts';

/** An engine that answers where a compute is when it is let. */
function slowEngine() {
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const answered = new Promise<null>((resolve) => (answer = () => resolve(null)));
  const engine = { facts: (id: string) => (asked.push(id), answered) } as unknown as Engine;
  return { engine, asked, answer };
}

const identity = () => {
  throw new Error('nobody is to be reached');
};
const input = {
  migration: 'mig_1',
  computeIds: ['cmp_1'],
  target: { id: 'dev_2', linkAddress: '127.0.0.1:1' },
};

test('a move that is closed while its copy is being begun: the close ends that, and waits for it', async () => {
  const { engine, asked, answer } = slowEngine();
  const moves = new MemoryMoves({ engine, identity, runDir: tmpdir() });
  const opened = moves.open(input, null).then(
    () => 'opened',
    () => 'given up',
  );
  await expect.poll(() => asked).toEqual(['cmp_1']);
  let closed = false;
  const closing = moves.close('mig_1').then(() => (closed = true));
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  answer();
  await closing;
  expect(await opened).toBe('given up');
  expect(moves.session('mig_1', 'cmp_1')).toBeNull();
});

test('a copy that is begun anew ends an earlier one first', async () => {
  const { engine, asked, answer } = slowEngine();
  const moves = new MemoryMoves({ engine, identity, runDir: tmpdir() });
  const first = moves.open(input, null).catch(() => 'given up');
  await expect.poll(() => asked).toHaveLength(1);
  const second = moves.open(input, null).catch(() => 'not running');
  await new Promise(setImmediate);
  expect(asked).toHaveLength(1);
  answer();
  expect(await first).toBe('given up');
  expect(await second).toBe('not running');
  expect(asked).toHaveLength(2);
});
