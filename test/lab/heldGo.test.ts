import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../core/until.ts';
import { SOON_MS } from './labFaults.ts';
import { withScene } from './migrationScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 180_000;
/** How long `go` is held back: the subject of this file. */
const HELD_MS = 2_000;
const LISTENER = fileURLToPath(new URL('listenToPushes.ts', import.meta.url));

describe('a target that has restored and waits for go', () => {
  const lab = withLab();
  const scene = withScene(lab, 'heldgo');
  const { faults } = scene;

  test(
    'lets no packet of the compute out before go, and all connections live on after it',
    async () => {
      const listener = await listenToPushes();
      const capture = await captureFrom('d2');
      const id = await scene.startUntil('d1', 'source.handed');
      expect(await scene.copies()).toEqual([
        { device: 'd1', frozen: true },
        { device: 'd2', frozen: false },
      ]);
      const before = await listener.ask('count');
      await scene.expectSilence(() => pause(HELD_MS));
      expect(await listener.ask('count')).toEqual(before);
      const wentAt = Date.now();
      await faults.release('d1', 'source.handed');
      expect((await scene.ended(id)).state).toBe('succeeded');
      await scene.untilAnswered();
      const more = async () => (await listener.ask('count')).lines > before.lines + 100;
      await until('the server to push on', SOON_MS, more, 100);

      const { packets, dropped } = await capture.end();
      expect(dropped).toBe(0);
      // It has seen what came after, so it would have seen what came before.
      expect(packets.length).toBeGreaterThan(100);
      expect(packets.filter((line) => millisecondsOf(line) < wentAt)).toEqual([]);
      expect(await listener.ask('end')).toMatchObject({ wrong: 0, lost: false });
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  /** A connection on which the server speaks unasked, on the client host. */
  async function listenToPushes() {
    const child = await lab.spawnOnClient([process.execPath, '--no-warnings', LISTENER, scene.compute.ip]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const answers = createInterface({ input: child.stdout! });
    const ask = async (what: 'count' | 'end') => {
      const answer = once(answers, 'line');
      child.stdin!.write(`${what}\n`);
      return JSON.parse(String((await answer)[0])) as { lines: number; wrong: number; lost: boolean };
    };
    await until('the server to push', SOON_MS, async () => (await ask('count')).lines > 10, 100);
    return { ask };
  }

  /** Notes each IP packet of the compute that comes into the switch from that device, as tcpdump tells it. */
  async function captureFrom(device: string) {
    const filter = `ip and src host ${scene.compute.ip}`;
    const options = '-Q in -nn -tt -l --immediate-mode -s 64'.split(' ');
    const command = ['tcpdump', '-i', device, ...options, filter];
    const child = await lab.spawnOnSwitch(command);
    onTestFinished(() => void child.kill('SIGKILL'));
    let words = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (words += text));
    const packets: string[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => packets.push(line));
    await until('tcpdump to listen', SOON_MS, () => words.includes('listening on'));
    return {
      end: async () => {
        const closed = once(child, 'close');
        child.kill('SIGINT');
        await closed;
        return { packets, dropped: Number(/(\d+) packets? dropped by kernel/.exec(words)?.[1]) };
      },
    };
  }
});

/** When tcpdump saw the packet, since the epoch. */
function millisecondsOf(line: string): number {
  return parseFloat(line) * 1000;
}
