import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sampleBetween } from '../../core/metrics.ts';
import { busySeconds, computeCounters, deviceCounters, parseInterfaces } from './counters.ts';

describe('what the kernel says', () => {
  it('of its processors: all but idle and waiting', () => {
    expect(busySeconds('cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 2 3 4\n')).toBe(1.71);
  });

  it('of its interfaces', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls',
      '    lo:   10 1 0 0 0 0 0 0   20 2 0 0 0 0 0 0',
      '  eth0: 3000 3 0 0 0 0 0 0 4000 4 0 0 0 0 0 0',
      '',
    ].join('\n');
    expect(parseInterfaces(text)).toEqual([
      { name: 'lo', receivedBytes: 10, sentBytes: 20 },
      { name: 'eth0', receivedBytes: 3000, sentBytes: 4000 },
    ]);
  });
});

describe('this machine', () => {
  it('uses a processor while one is kept busy', async () => {
    const before = await deviceCounters('/');
    const until = performance.now() + 300;
    while (performance.now() < until) await readFile('/proc/self/stat');
    const sample = sampleBetween(before, await deviceCounters('/'));
    expect(sample.cpus).toBeGreaterThan(0.2);
    expect(sample.memoryBytes).toBeGreaterThan(1 << 20);
    expect(sample.diskBytes).toBeGreaterThan(1 << 20);
  });

  it('has counters of a process that grow, and none of one that is not there', async () => {
    const before = await computeCounters(process.pid, 5);
    // Where the tests run in no cgroup of these controllers there is nothing to read.
    if (before !== null) {
      await pause(20);
      const after = await computeCounters(process.pid, 5);
      expect(after?.cpuSeconds).toBeGreaterThanOrEqual(before.cpuSeconds);
      expect(after?.diskBytes).toBe(5);
    }
    expect(await computeCounters(4_194_305, 5)).toBeNull();
  });
});
