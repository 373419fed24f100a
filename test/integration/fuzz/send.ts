import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { FuzzRequest } from './requests.ts';

/** What came back; of a stream that does not end only its head. */
export interface FuzzAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

const PATIENCE_MS = 20_000;

/** Sends requests to one server, over connections that stay. */
export class Sender {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** `from` is the address that it comes from, one of the machine's own. Fails when nothing comes back. */
  send(
    { method, url, headers, body }: FuzzRequest,
    token: string | null,
    from = '127.0.0.1',
  ): Promise<FuzzAnswer> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#url;
      const asked = request({
        ...{ hostname, port, method, path: encodeURI(url).replaceAll('%25', '%'), localAddress: from },
        agent: this.#agent,
        headers: {
          ...headers,
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
      });
      asked.setTimeout(PATIENCE_MS, () =>
        asked.destroy(new Error(`no answer within ${String(PATIENCE_MS)} ms`)),
      );
      asked.once('error', reject);
      asked.once('response', (answer) => {
        const { statusCode: status = 0, headers: answered } = answer;
        const chunks: Buffer[] = [];
        const done = () => resolve({ status, headers: answered, body: Buffer.concat(chunks).toString() });
        if (isEndless(answered)) {
          done();
          asked.destroy();
          return;
        }
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', done);
      });
      asked.end(body ?? undefined);
    });
  }

  /** Ends its connections. */
  close(): void {
    this.#agent.destroy();
  }
}

const isEndless = (headers: IncomingHttpHeaders) =>
  headers['content-type']?.startsWith('text/event-stream') ?? false;
