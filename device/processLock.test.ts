import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tryLock, waitForLock, type ProcessLock } from './processLock.ts';

describe('processLock', () => {
  it('is held once, and names its holder', async () => {
    const name = randomUUID();
    const first = (await tryLock(name)) as ProcessLock;
    expect(await tryLock(name)).toEqual({ pid: process.pid });
    await first.release();
    const second = (await tryLock(name)) as ProcessLock;
    await second.release();
  });

  it('lets a waiter in after the release', async () => {
    const name = randomUUID();
    const first = (await tryLock(name)) as ProcessLock;
    const waits: number[] = [];
    const waiting = waitForLock(name, (holder) => waits.push(holder.pid));
    await expect.poll(() => waits).toEqual([process.pid]);
    await first.release();
    await (await waiting).release();
  });
});
