import { startTicker } from '../../lab/demo/client/ticker.ts';
import { Latencies } from './latencies.ts';
import { LoadConnection } from './loadConnection.ts';
import type { LoadWindow, WorkSample } from './report.ts';
import { serviceKind, type ServiceKind } from './services.ts';
import { CommandTalk } from './talks/commandTalk.ts';

/** Between two ticks that ask what is due, milliseconds: what Node's timers can do. */
const TICK_MS = 1;
/** How long after the gap its after-effects are looked for, milliseconds. */
const AFTER_MS = 5_000;
/** Between two looks at how much the program has worked, milliseconds. */
const WORK_EVERY_MS = 100;

/** Load on a service over several kept connections: at a fixed rate, or as much as they carry. */
export class Load {
  readonly #kind: ServiceKind;
  readonly #connections: LoadConnection[];
  /** For commands; opened with the first. */
  readonly #control: LoadConnection;
  readonly #commands = new CommandTalk();
  readonly #latencies = new Latencies();
  #perMs = 0;
  #owed = 0;
  #lastTick = performance.now();
  #saturating = false;
  #next = 0;
  #answers = 0;
  #wrong = 0;
  #firstWrong = '';
  #lossesBefore: number[];
  #stopTicking = () => {};

  /** @param service name of what it talks to, as `serviceKind` knows it */
  constructor(host: string, port: number, connections: number, service: string) {
    this.#kind = serviceKind(service);
    const complain = (line: string) => {
      this.#wrong += 1;
      this.#firstWrong ||= line.slice(0, 200);
    };
    const onAnswer = (askedAt: number, now: number) => this.#answered(askedAt, now);
    this.#connections = Array.from({ length: connections }, (_, index) => {
      const talk = this.#kind.talk(host, String(index), complain);
      return new LoadConnection(host, port, talk, onAnswer);
    });
    this.#control = new LoadConnection(host, port, this.#commands);
    this.#lossesBefore = this.#connections.map(() => 0);
  }

  /** Makes the service ready and opens all connections. */
  async begin(): Promise<void> {
    const { fill } = this.#kind;
    if (fill !== null) {
      const answer = await this.#command(fill.command);
      if (answer !== fill.answer) throw new Error(`the service cannot be filled: ${answer}`);
    }
    await Promise.all(this.#connections.map((one) => one.open()));
    this.#stopTicking = startTicker(TICK_MS, () => this.#tick());
    this.mark();
  }

  /** Asks without a pause for so long; resolves with the answers a second, which it leaves asking at no rate. */
  async saturate(ms: number): Promise<number> {
    this.#perMs = 0;
    this.#saturating = true;
    const [answers, began] = [this.#answers, performance.now()];
    for (const connection of this.#connections) connection.ask();
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#saturating = false;
    return ((this.#answers - answers) * 1_000) / (performance.now() - began);
  }

  /** From now on so many requests a second, over all connections. */
  setRate(perSecond: number): void {
    this.#perMs = perSecond / 1_000;
    this.#owed = 0;
    this.#lastTick = performance.now();
  }

  /** Ends a window and tells what was seen in it. */
  mark(): LoadWindow {
    const now = performance.now();
    const gaps = this.#connections.map(({ meter }) => meter.closeWindow(now));
    const gap = gaps.reduce((longest, one) => (one.ms > longest.ms ? one : longest));
    const end = gap.at + gap.ms;
    const window: LoadWindow = {
      type: 'window',
      gapMs: gap.ms,
      gapAt: performance.timeOrigin + gap.at,
      requests: this.#latencies.count,
      wrong: this.#wrong,
      firstWrong: this.#firstWrong,
      connections: this.#connections.length,
      lost: this.#connections.filter(({ losses }, index) => losses > (this.#lossesBefore[index] ?? 0)).length,
      p99AfterMs: this.#latencies.p99(end, end + AFTER_MS),
      p99BeforeMs: this.#latencies.p99(-Infinity, gap.at),
    };
    this.#latencies.clear();
    this.#wrong = 0;
    this.#firstWrong = '';
    this.#lossesBefore = this.#connections.map(({ losses }) => losses);
    return window;
  }

  /** Has the program `pages` check every page; resolves with how many are wrong. */
  async checkAll(): Promise<number> {
    return Number((await this.#command('all 0')).split(' ')[1]);
  }

  /** Begins work of the program's own and looks at it regularly, until the returned function is called. */
  async watchWork(): Promise<() => Promise<WorkSample[]>> {
    const samples: WorkSample[] = [];
    const look = async () => {
      const counters = (await this.#command('stat 0')).split(' ');
      samples.push({ at: performance.timeOrigin + performance.now(), work: Number(counters[4]) });
    };
    let watching = true;
    const watch = async () => {
      while (watching) {
        await look();
        await new Promise((resolve) => setTimeout(resolve, WORK_EVERY_MS));
      }
    };
    await this.#command('work 0');
    const done = watch();
    // A failure is told at the end, to whoever waits for it then.
    done.catch(() => {});
    return async () => {
      watching = false;
      await done;
      await this.#command('work 0');
      return samples;
    };
  }

  close(): void {
    this.#stopTicking();
    for (const connection of [...this.#connections, this.#control]) connection.close();
  }

  async #command(line: string): Promise<string> {
    await this.#control.open();
    this.#commands.command = line;
    await this.#control.exchange();
    return this.#commands.answer;
  }

  #tick(): void {
    const now = performance.now();
    // What could not be asked in a freeze is not made up for afterwards.
    this.#owed = Math.min(this.#owed + (now - this.#lastTick) * this.#perMs, this.#connections.length);
    this.#lastTick = now;
    for (let tried = 0; tried < this.#connections.length && this.#owed >= 1; tried += 1) {
      this.#next = (this.#next + 1) % this.#connections.length;
      if (this.#connections[this.#next]?.ask() === true) this.#owed -= 1;
    }
  }

  #answered(askedAt: number, now: number): void {
    this.#answers += 1;
    this.#latencies.add(askedAt, now);
    if (!this.#saturating) return;
    for (const connection of this.#connections) connection.ask();
  }
}
