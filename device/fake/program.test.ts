import { expect, test } from 'vitest';
import { computeSpecSchema } from '../../core/compute.ts';
import { Program } from './program.ts';
import { Random } from './random.ts';
import { Wave } from './wave.ts';

const spec = (env: Record<string, string> = {}) =>
  computeSpecSchema.parse({
    id: 'cmp_000000000001',
    group: 'grp_000000000001',
    name: 'app',
    image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
    env,
    address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
  });

test('what a wave has come to never falls, and grows as fast as the wave is high', () => {
  const wave = new Wave(new Random('one'), 3);
  let before = wave.until(0);
  expect(before).toBe(0);
  for (let seconds = 1; seconds < 2000; seconds += 1) {
    const now = wave.until(seconds);
    expect(now).toBeGreaterThan(before);
    expect(now - before).toBeCloseTo(wave.at(seconds - 0.5), 3);
    before = now;
  }
});

test('a program goes on on another device from where it was stopped, and looks the same there', () => {
  const source = new Program(spec());
  source.run({ bornAt: 1_000_000, ranMs: 5_400 });
  source.halt();
  const target = new Program(spec());
  target.run(source.state);
  target.halt();
  expect(target.lines).toBe(5);
  expect(target.line(3)).toBe(source.line(3));
  expect(target.memoryBytes).toBe(source.memoryBytes);
  expect(target.counters().cpuSeconds).toBeGreaterThanOrEqual(source.counters().cpuSeconds);
});

test('what it is told is checked', () => {
  expect(new Program(spec({ FAKE_MEMORY_MB: '7', OTHER: 'x' })).memoryBytes).toBe(7e6);
  expect(() => new Program(spec({ FAKE_MOVE: 'explode' }))).toThrow('FAKE_MOVE');
  expect(() => new Program(spec({ FAKE_MEMORY_MB: 'many' }))).toThrow('FAKE_MEMORY_MB');
});
