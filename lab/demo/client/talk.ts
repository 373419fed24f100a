import { SAMPLE_HTTP_PORT, SAMPLE_LINE_PORT } from '../../sample/sampleProtocol.ts';
import { Connection } from './connection.ts';
import type { Conversation } from './conversation.ts';
import { CounterCheck } from './counterCheck.ts';
import type { Gap } from './gapMeter.ts';
import { HttpConversation } from './httpConversation.ts';
import { LineConversation } from './lineConversation.ts';
import type { ClientReport } from './report.ts';
import { startTicker } from './ticker.ts';

export interface TalkOptions {
  host: string;
  /** TCP connections of the line protocol; one of HTTP is beside them. */
  lines: number;
  /** Between two questions of one connection, milliseconds. */
  intervalMs: number;
  /** @default those of the sample application */
  ports?: { line: number; http: number };
}

/** For the first connections, and for the last answers, milliseconds. */
const PATIENCE_MS = 20_000;
const SAMPLE_PORTS = { line: SAMPLE_LINE_PORT, http: SAMPLE_HTTP_PORT };
/** Problems that are told one by one; all are counted. */
const TOLD_PROBLEMS = 20;

/** Talks to the sample application over several connections at once, and checks every answer. */
export class Talk {
  readonly #options: TalkOptions;
  readonly #report: (line: ClientReport) => void;
  readonly #http: HttpConversation;
  readonly #conversations: Conversation[] = [];
  readonly #connections: Connection[] = [];
  #check: CounterCheck | null = null;
  #stopTicking = () => {};
  #errors = 0;
  #reported = { requests: 0, errors: 0 };

  constructor(options: TalkOptions, report: (line: ClientReport) => void) {
    this.#options = options;
    this.#report = report;
    this.#http = new HttpConversation(options.host, this.#complainer('http'));
  }

  /** Connects, learns where the counter stands, and begins to talk. */
  async begin(): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const ports = this.#options.ports ?? SAMPLE_PORTS;
    const http = this.#add('http', ports.http, this.#http);
    await http.open(signal);
    await this.#inTime('the first answer', http.exchange());
    if (this.#http.status === null) throw new Error('The sample application does not answer.');
    const check = new CounterCheck(this.#http.status.counter);
    this.#check = check;
    this.#http.checkAgainst(check);
    const lines = Array.from({ length: this.#options.lines }, (_, index) => {
      const name = `tcp${index + 1}`;
      return this.#add(name, ports.line, new LineConversation(check, this.#complainer(name)));
    });
    await Promise.all(lines.map((line) => line.open(signal)));
    this.#stopTicking = startTicker(this.#options.intervalMs, () => {
      for (const connection of this.#connections) connection.tick();
    });
    await this.#inTime('the first answers', this.#exchangeAll());
    this.#closeWindows();
    this.#report({ type: 'ready', connections: this.#connections.length, counter: check.start });
  }

  /** Ends a window and reports it. */
  mark(name: string): void {
    const gaps = this.#closeWindows();
    for (const { connection, ms, at } of gaps) {
      this.#report({ type: 'gap', connection, ms: round(ms), at: Math.round(performance.timeOrigin + at) });
    }
    const requests = this.#requests();
    const before = this.#reported;
    this.#reported = { requests, errors: this.#errors };
    this.#report({
      type: 'window',
      name,
      gapMs: round(Math.max(...gaps.map(({ ms }) => ms))),
      requests: requests - before.requests,
      errors: this.#errors - before.errors,
    });
  }

  /** Waits for the last answers, checks what they come to, and hangs up. True when nothing was wrong. */
  async end(): Promise<boolean> {
    this.#stopTicking();
    await this.#inTime(
      'the last answers',
      Promise.all(this.#connections.map((connection) => connection.idle())),
    );
    for (const conversation of this.#conversations) conversation.settle();
    await this.#inTime('the final counter', this.#exchangeAll());
    const opened = this.#connections.length;
    const kept = this.#connections.filter(({ losses }) => losses === 0).length;
    for (const connection of this.#connections) connection.close();
    this.#report({
      type: 'end',
      requests: this.#requests(),
      errors: this.#errors,
      connections: { opened, kept },
      acknowledged: this.#check?.acknowledged ?? 0,
      counter: this.#http.status?.counter ?? 0,
      fileCounter: this.#http.status?.fileCounter ?? 0,
    });
    return this.#errors === 0 && kept === opened;
  }

  #add(name: string, port: number, conversation: Conversation): Connection {
    const complain = this.#complainer(name);
    const onLoss = (reason: string) => complain(`The connection was lost: ${reason}`);
    const connection = new Connection(name, this.#options.host, port, conversation, onLoss);
    this.#conversations.push(conversation);
    this.#connections.push(connection);
    return connection;
  }

  #complainer(connection: string): (message: string) => void {
    return (message) => {
      this.#errors += 1;
      if (this.#errors <= TOLD_PROBLEMS) this.#report({ type: 'problem', connection, message });
    };
  }

  async #exchangeAll(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.exchange()));
  }

  #requests(): number {
    return this.#connections.reduce((sum, { answers }) => sum + answers, 0);
  }

  #closeWindows(): (Gap & { connection: string })[] {
    const now = performance.now();
    return this.#connections.map(({ name, meter }) => ({ connection: name, ...meter.closeWindow(now) }));
  }

  /** Gives up after a while, and complains. */
  async #inTime(what: string, work: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#complainer('all')(`Waited ${PATIENCE_MS / 1000} s for ${what}.`);
        resolve();
      }, PATIENCE_MS);
    });
    await Promise.race([work, late]);
    clearTimeout(timer);
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
