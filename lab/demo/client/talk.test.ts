import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClientReport } from './report.ts';
import { Talk } from './talk.ts';

/** Stands for the sample application; its counter can be spoilt. */
class FakeSample {
  counter = 40;
  readonly sockets: Socket[] = [];
  readonly #servers: Server[] = [];
  #requests = 0;

  async listen(): Promise<{ line: number; http: number }> {
    const line = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {});
      createInterface({ input: socket }).on('line', (text) => {
        const [verb, sequence] = text.split(' ');
        if (verb === 'inc') this.counter += 1;
        socket.write(`${sequence} ${this.counter}\n`);
      });
    });
    const http = createHttpServer((_, response) => {
      this.#requests += 1;
      const fileCounter = Math.floor(this.counter / 50) * 50;
      const monotonicMs = performance.now();
      const body = { counter: this.counter, fileCounter, requests: this.#requests, pid: 1, monotonicMs };
      const text = JSON.stringify(body);
      response.setHeader('content-length', text.length).end(text);
    });
    this.#servers.push(line, http);
    for (const server of this.#servers) await once(server.listen(0, '127.0.0.1'), 'listening');
    return { line: (line.address() as AddressInfo).port, http: (http.address() as AddressInfo).port };
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

describe('a talk', () => {
  const sample = { current: new FakeSample() };
  afterEach(() => {
    sample.current.close();
    sample.current = new FakeSample();
  });

  async function begin() {
    const reports: ClientReport[] = [];
    const ports = await sample.current.listen();
    const options = { host: '127.0.0.1', lines: 2, intervalMs: 2, ports };
    const talk = new Talk(options, (report) => reports.push(report));
    await talk.begin();
    const of = <T extends ClientReport['type']>(type: T) =>
      reports.filter((report): report is Extract<ClientReport, { type: T }> => report.type === type);
    const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    return { talk, of, after };
  }

  it('ends with every increment counted once, and every connection kept', async () => {
    const { talk, of, after } = await begin();
    await after(60);
    talk.mark('one');
    expect(await talk.end()).toBe(true);
    const [end] = of('end');
    expect(end).toMatchObject({ errors: 0, connections: { opened: 3, kept: 3 } });
    expect(end?.counter).toBe(40 + end!.acknowledged);
    expect(end?.counter).toBe(sample.current.counter);
    expect(of('window')[0]).toMatchObject({ name: 'one', errors: 0 });
    expect(of('window')[0]!.requests).toBeGreaterThan(3);
    expect(of('gap').map(({ connection }) => connection)).toEqual(['http', 'tcp1', 'tcp2']);
  });

  it('measures the longest silence of a window, and of that window only', async () => {
    const { talk, of, after } = await begin();
    for (const socket of sample.current.sockets) socket.pause();
    await after(150);
    for (const socket of sample.current.sockets) socket.resume();
    await after(50);
    talk.mark('silent');
    await after(30);
    talk.mark('talking');
    await talk.end();
    const [silent, talking] = of('window');
    expect(silent!.gapMs).toBeGreaterThan(140);
    expect(talking!.gapMs).toBeLessThan(silent!.gapMs);
  });

  it('counts a connection that was lost, and goes on on a new one', async () => {
    const { talk, of, after } = await begin();
    sample.current.sockets[0]?.destroy();
    await after(100);
    expect(await talk.end()).toBe(false);
    expect(of('problem')[0]?.message).toMatch(/connection was lost/);
    expect(of('end')[0]?.connections).toEqual({ opened: 3, kept: 2 });
    expect(sample.current.sockets).toHaveLength(3);
  });

  it('notices a counter that lost increments', async () => {
    const { talk, of, after } = await begin();
    await after(20);
    sample.current.counter -= 5;
    await after(20);
    expect(await talk.end()).toBe(false);
    expect(
      of('problem')
        .map(({ message }) => message)
        .join(' '),
    ).toMatch(/went back/);
    expect(of('end')[0]).toMatchObject({ connections: { opened: 3, kept: 3 } });
  });

  it('notices an increment that was counted twice', async () => {
    const { talk, of } = await begin();
    sample.current.counter += 1;
    expect(await talk.end()).toBe(false);
    expect(of('problem')[0]?.message).toMatch(/The counter ended at/);
  });
});
