import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../../core/until.ts';
import { findFreezer, isFrozen, type Freezer } from '../../checkpoint/cgroupFreezer.ts';
import { findNativePrograms } from '../nativePrograms.ts';
import { Holder } from '../scan/fixtures/holder.ts';
import { ReceivedMemory } from '../scan/fixtures/receivedMemory.ts';
import { readMappings } from '../scan/readMappings.ts';
import { PAGE } from '../scan/records.ts';
import { MemorySource, type PassFigures } from './memorySource.ts';

const isRoot = process.getuid?.() === 0;
const native = (await findNativePrograms()).memorySource;
const ZEROS = Buffer.alloc(PAGE);
const quiet = () => undefined;

/** Waits for the moment in which the processes are frozen, and gives nothing else a turn, for it is short. */
function seesStill({ version, directory }: Freezer): boolean {
  const [file, word] = version === 1 ? ['freezer.state', 'FROZEN'] : ['cgroup.events', 'frozen 1'];
  for (const until = performance.now() + 5000; performance.now() < until;)
    if (readFileSync(join(directory, file), 'utf8').includes(word)) return true;
  return false;
}

/** A scan of a holder's memory, and what a target has of it. */
class Scan {
  readonly source: MemorySource;
  readonly received = new ReceivedMemory();
  readonly #run: Promise<void>;
  readonly #holder: Holder;

  constructor(program: string | null, holder: Holder, watch: string | null) {
    this.#holder = holder;
    this.source = MemorySource.start(program, {
      cgroupProcs: holder.list,
      tracker: watch === null ? 'content' : 'write-protect',
      watch: watch ?? '',
    });
    this.#run = this.received.run(this.source.records);
    this.#run.catch(() => undefined);
  }

  round(round: number): Promise<PassFigures> {
    return this.source.round(round, { threads: 1, bytesPerSecond: null }, quiet);
  }

  /** The last pass and the end of the stream. */
  async final(images: string[] = []): Promise<PassFigures> {
    await this.#holder.freeze();
    const pass = this.source.final(2);
    await Promise.all(images.map((path) => this.source.image(path)));
    const figures = await pass;
    this.source.finish();
    await Promise.race([
      this.#run,
      until('the stream to end', 20_000, () => this.received.final !== null, 5),
    ]);
    return figures;
  }

  /** Everything that the processes have in private anonymous memory is on the target, and nothing else. */
  async expectWhole(pids: Map<number, number>): Promise<void> {
    let pages = 0;
    for (const [number, pid] of pids) {
      const there = new Map<number, Buffer>();
      for (const { kind, start, end } of readMappings(pid)) {
        if (kind !== 'lazy') continue;
        const memory = await this.#holder.read(start * PAGE, end - start, pid);
        for (let at = 0; at < memory.length; at += PAGE)
          if (!memory.subarray(at, at + PAGE).equals(ZEROS))
            there.set(start * PAGE + at, memory.subarray(at, at + PAGE));
      }
      const map = this.received.maps.get(number) ?? new Map<number, number>();
      expect(
        [...there.keys()].filter((address) => !map.has(address)),
        'missing',
      ).toEqual([]);
      expect(
        [...map.keys()].filter((address) => !there.has(address)),
        'too many',
      ).toEqual([]);
      for (const [address, content] of there)
        if (!this.received.page(number, address)?.equals(content))
          throw new Error(`page ${address.toString(16)} of process ${number} is another's`);
      pages += there.size;
    }
    expect(pages).toBeGreaterThan(0);
    for (const [number, map] of this.received.maps)
      if (map.size > 0) expect([...pids.keys()]).toContain(number);
  }

  async close(): Promise<void> {
    await this.source.close();
  }
}

/** memory-watch, where the kernel lets a process's memory be protected asynchronously. */
const watchProgram = await (async () => {
  if (native === null || !isRoot) return null;
  const program = join(dirname(native), 'memory-watch');
  const holder = await Holder.start({ cgroup: true }).catch(() => null);
  const able = await holder?.watched(program).then(
    () => true,
    () => false,
  );
  await holder?.close();
  return able === true ? program : null;
})();

describe.each([
  { name: 'the helper', program: native, there: native !== null, watching: false },
  { name: 'the helper by write protection', program: native, there: watchProgram !== null, watching: true },
  { name: 'the thread', program: null, there: true, watching: false },
])('memory as $name scans it', { timeout: 60_000 }, ({ program, there, watching }) => {
  const used: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of used.splice(0).reverse()) await one.close();
  });
  const run = test.skipIf(!there);
  const begin = async (namespace = false) => {
    const holder = await Holder.start({ namespace, cgroup: watching });
    used.push(holder);
    const scan = new Scan(program, holder, watching ? await holder.watched(watchProgram ?? '') : null);
    used.push(scan);
    return { holder, scan, own: new Map([[namespace ? 1 : holder.pid, holder.pid]]) };
  };

  run('is whole after rounds and the last pass, and each change is sent once', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(3000);
    await holder.does('write', address, 3000);
    expect((await scan.round(1)).sent).toBeGreaterThanOrEqual(3000);
    expect(await scan.round(2)).toMatchObject({ known: 0, zero: 0, dropped: 0 });
    await holder.does('write', address + 100 * PAGE, 50, 90_000);
    await holder.does('write', address + 1000 * PAGE, 1, 95_000);
    const third = await scan.round(3);
    // A few more are its own, of the stack and the like.
    expect(third.sent).toBeGreaterThanOrEqual(51);
    expect(third.sent).toBeLessThan(60);
    if (watching) expect(third.looked, 'the rest is known to be clean').toBeLessThan(300);
    else expect(third.looked).toBeGreaterThan(3000);
    await holder.does('write', address, 10, 99_000);
    expect((await scan.final()).sent).toBeLessThan(20);
    expect(scan.received.rounds).toEqual([1, 2, 3]);
    expect(scan.received.final?.processes).toBe(1);
    await scan.expectWhole(own);
  });

  run('is whole where pages were moved over others', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(2000);
    await holder.does('write', address, 2000);
    await scan.round(1);
    await holder.does('move', address + 1200 * PAGE, 400, address + 100 * PAGE);
    await holder.does('write', address + 150 * PAGE, 5, 60_000);
    await scan.round(2);
    await holder.does('write', address + 200 * PAGE, 5, 61_000);
    await holder.does('move', address + 1600 * PAGE, 100, address + 300 * PAGE);
    await scan.final();
    await scan.expectWhole(own);
  });

  run('is whole where pages were moved away, came back, and all beside them was written to', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(2000);
    await holder.does('write', address, 2000);
    await scan.round(1);
    const away = await holder.map(10);
    await holder.does('move', address + 100 * PAGE, 10, away);
    await scan.round(2);
    // The kernel stops tracking all that they merge with, and keeps its marks.
    await holder.does('move', away, 10, address + 100 * PAGE);
    await holder.does('write', address + 500 * PAGE, 5, 60_000);
    await scan.round(3);
    await holder.does('write', address + 500 * PAGE, 5, 61_000);
    await scan.round(4);
    await holder.does('write', address + 502 * PAGE, 1, 62_000);
    await scan.final();
    await scan.expectWhole(own);
  });

  run('is right although it was written to all the time', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(2000);
    await holder.does('write', address, 2000);
    await holder.does('churn', address, 1500);
    for (const round of [1, 2, 3]) await scan.round(round);
    await scan.final();
    await scan.expectWhole(own);
  });

  run('has each content once, and zeros never', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(900);
    await holder.does('same', address, 300, 7);
    await holder.does('zero', address + 300 * PAGE, 300);
    await holder.does('read', address + 600 * PAGE, 300);
    const first = await scan.round(1);
    expect(first.sent).toBeLessThan(200);
    expect(first.known).toBeGreaterThanOrEqual(299);
    expect(first.zero, 'the target takes a page it was never told of for zeros').toBe(0);
    await holder.does('zero', address, 100);
    await holder.does('same', address + 300 * PAGE, 100, 7);
    expect(await scan.round(2)).toMatchObject({ zero: 100 });
    await scan.final();
    const slot = (page: number) => scan.received.maps.get(holder.pid)?.get(address + page * PAGE);
    expect([slot(0), slot(500), slot(700)]).toEqual([undefined, undefined, undefined]);
    expect(slot(100)).toBe(slot(399));
    await scan.expectWhole(own);
  });

  run('forgets what was unmapped or given back, and uses its slots again', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(1200);
    await holder.does('write', address, 1200);
    const before = (await scan.round(1)).slots;
    await holder.does('unmap', address + 500 * PAGE, 200);
    await holder.does('drop', address, 100);
    const second = await scan.round(2);
    expect(second.dropped).toBeGreaterThanOrEqual(300);
    expect(second.slots).toBeLessThanOrEqual(before - 290);
    const other = await holder.map(250);
    await holder.does('write', other, 250, 50_000);
    expect((await scan.round(3)).slots).toBeLessThanOrEqual(before);
    await scan.final();
    expect(Math.max(...scan.received.contents.keys()), 'slots are used again').toBeLessThan(before + 30);
    await scan.expectWhole(own);
  });

  run('of a forked child is known already, and is forgotten when it has ended', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(1000);
    await holder.does('write', address, 1000);
    await scan.round(1);
    const child = await holder.fork();
    const second = await scan.round(2);
    expect(second.known).toBeGreaterThanOrEqual(1000);
    expect(second.sent).toBeLessThan(30);
    const short = await holder.fork();
    await scan.round(3);
    await holder.reap(short);
    expect((await scan.round(4)).dropped).toBeGreaterThanOrEqual(1000);
    await holder.does('write', address, 10, 70_000);
    await scan.final();
    expect(scan.received.final?.processes).toBe(2);
    await scan.expectWhole(new Map([...own, [child, child]]));
  });

  run('that CRIU writes itself comes by reference', async () => {
    const { holder, scan, own } = await begin();
    const shared = await holder.map(400, 'shared');
    await holder.does('write', shared, 400, 1000);
    const file = await holder.map(3, 'file');
    await holder.does('write', file, 1, 2000);
    const locked = await holder.map(20);
    await holder.does('write', locked, 20, 3000);
    await holder.does('lock', locked, 20);
    await scan.round(1);
    const [before, path] = [scan.received.pages, join(holder.directory, 'pages-1.img')];
    const own2 = Buffer.alloc(PAGE, 'not seen before');
    const image = Buffer.concat([
      await holder.read(shared, 400),
      await holder.read(file, 1),
      ZEROS,
      await holder.read(locked, 20),
      ...[own2, own2],
    ]);
    await writeFile(path, image);
    await scan.final([path]);
    expect(scan.received.image('pages-1.img').equals(image)).toBe(true);
    expect(scan.received.pages - before, 'only what the target lacked was sent').toBeLessThan(20);
    for (const address of [shared, file, locked])
      expect(scan.received.page(holder.pid, address), 'not to be filled in').toBe(null);
    await scan.expectWhole(own);
  });

  run('has pages that nobody may touch among it', async () => {
    const { holder, scan, own } = await begin();
    const address = await holder.map(100);
    await holder.does('write', address, 100);
    // A kernel before 6.13 has no such pages.
    await holder.does('guard', address + 10 * PAGE, 5).catch(quiet);
    await scan.round(1);
    await scan.final();
    await scan.expectWhole(own);
  });

  run('is counted where the kernel says what has changed since it was looked at', async () => {
    const begun = async (does: 'write' | 'churn') => {
      const { holder, scan } = await begin();
      const address = await holder.map(1000);
      await holder.does('write', address, 1000);
      if (does === 'churn') await holder.does('churn', address, 1000);
      return scan.round(1);
    };
    const { left } = await begun('write');
    if (!watching) return expect(left).toBe(-1);
    expect(left).toBeGreaterThanOrEqual(0);
    expect(left).toBeLessThan(100);
    expect((await begun('churn')).left).toBeGreaterThan(left);
  });

  if (watching)
    run('runs on when the scan is killed while it stands still', async () => {
      const { holder, scan } = await begin();
      await holder.does('same', await holder.map(80_000), 80_000, 5);
      const freezer = await findFreezer(holder.pid);
      const round = scan.round(1);
      round.catch(quiet);
      const seen = seesStill(freezer);
      await scan.source.close();
      expect(seen, 'it was killed at the right moment').toBe(true);
      expect(await isFrozen(freezer)).toBe(false);
      await holder.does('write', await holder.map(1), 1);
    });
  // memory-watch has to be outside of the namespace.
  else
    run('bears the number of its process within its own namespace', async ({ skip }) => {
      skip(!isRoot, 'a namespace needs root');
      const { holder, scan, own } = await begin(true);
      await holder.does('write', await holder.map(100), 100);
      await scan.round(1);
      await scan.final();
      await scan.expectWhole(own);
    });

  run('says why when it cannot be read', async () => {
    const { holder, scan } = await begin();
    await scan.round(1);
    await expect(scan.source.image(join(holder.directory, 'missing'))).rejects.toMatchObject({
      cause_: { code: 'memoryScanFailed', message: expect.stringContaining('missing') as string },
    });
    await expect(scan.round(2), 'nothing more goes').rejects.toThrow('missing');
  });
});
