import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { RegistryReference } from '../../core/registryReference.ts';
import { askRegistry } from './ask.ts';
import { baseUrl, type RegistryPolicy } from './policy.ts';

/** Manifests and configurations are a few KB; the specification allows 4 MiB. Bytes. */
const DOCUMENT_MAX_BYTES = 4 * 2 ** 20;

const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

const tokenSchema = z.object({ token: z.string().optional(), access_token: z.string().optional() });

export interface Login {
  username: string;
  password: string;
}

/** One repository of a registry, by its HTTP API (OCI distribution specification). */
export class RegistryClient {
  readonly #policy: RegistryPolicy;
  readonly #reference: RegistryReference;
  readonly #login: Login | null;
  readonly #signal: AbortSignal;
  #authorization: string | null = null;

  constructor(
    policy: RegistryPolicy,
    reference: RegistryReference,
    login: Login | null,
    signal: AbortSignal,
  ) {
    this.#policy = policy;
    this.#reference = reference;
    this.#login = login;
    this.#signal = signal;
  }

  /**
   * A manifest or index, by tag or digest, and its own digest, which is checked where it was asked for by it.
   * @throws DrayageError imageNotFound, registryUnauthorized, registryRefused, registryUnreachable, registryAnswer
   */
  async manifest(name: string): Promise<{ digest: string; document: unknown }> {
    const answer = await this.#get(`manifests/${name}`, { accept: MANIFEST_TYPES.join(', ') });
    const bytes = await readDocument(answer);
    const digest = digestOf(bytes);
    if (name.startsWith('sha256:') && digest !== name) throw this.#wrongAnswer('another manifest');
    return { digest, document: this.#json(bytes) };
  }

  /** A small blob, whole and checked. @throws as `manifest` */
  async document(digest: string): Promise<Buffer> {
    const bytes = await readDocument(await this.#get(`blobs/${digest}`, {}));
    if (digestOf(bytes) !== digest) throw this.#wrongAnswer('another configuration');
    return bytes;
  }

  /** A blob as it comes; whoever reads it checks it. @throws as `manifest` */
  blob(digest: string): Promise<IncomingMessage> {
    return this.#get(`blobs/${digest}`, {});
  }

  async #get(path: string, headers: Record<string, string>): Promise<IncomingMessage> {
    const { host, repository } = this.#reference;
    const url = new URL(`${repository}/${path}`, baseUrl(this.#policy, host));
    let answer = await this.#ask(url, headers);
    if (answer.statusCode === 401) {
      answer.destroy();
      this.#authorization = await this.#authorize(answer.headers['www-authenticate'] ?? '');
      answer = await this.#ask(url, headers);
    }
    if (answer.statusCode === 200) return answer;
    answer.destroy();
    throw this.#refusal(answer.statusCode ?? 0);
  }

  #ask(url: URL, headers: Record<string, string>): Promise<IncomingMessage> {
    const authorization = this.#authorization;
    return askRegistry(this.#policy, url, {
      headers: { 'user-agent': 'drayage', ...headers, ...(authorization === null ? {} : { authorization }) },
      signal: this.#signal,
    });
  }

  /** What to say to a registry that asks who it is, by its own words (RFC 9110, and Docker's token authentication). */
  async #authorize(challenge: string): Promise<string> {
    const basic =
      this.#login &&
      `Basic ${Buffer.from(`${this.#login.username}:${this.#login.password}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge)) {
      if (basic === null) throw this.#refusal(401);
      return basic;
    }
    const said = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
        name.toLowerCase(),
        value,
      ]),
    );
    const realm = said['realm'];
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm))
      throw this.#refusal(401);
    const url = new URL(realm);
    if (said['service'] !== undefined) url.searchParams.set('service', said['service']);
    url.searchParams.set('scope', `repository:${this.#reference.repository}:pull`);
    const answer = await askRegistry(this.#policy, url, {
      headers: basic === null ? {} : { authorization: basic },
      signal: this.#signal,
    });
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw this.#refusal(answer.statusCode ?? 0);
    }
    const token = tokenSchema.safeParse(this.#json(await readDocument(answer)));
    const text = token.data?.token ?? token.data?.access_token;
    if (text === undefined || !/^[\x21-\x7e]+$/.test(text)) throw this.#wrongAnswer('no token');
    return `Bearer ${text}`;
  }

  #json(bytes: Buffer): unknown {
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch {
      throw this.#wrongAnswer('something that is not JSON');
    }
  }

  #refusal(status: number): DrayageError {
    const { host, repository } = this.#reference;
    if (status === 404)
      return new DrayageError({
        code: 'imageNotFound',
        message: `The registry ${host} has no such image in ${repository}.`,
        mend: 'Check the name and the tag; for a private image give credentials with `drayage registry add`.',
      });
    if (status === 401 || status === 403)
      return new DrayageError({
        code: 'registryUnauthorized',
        message: `The registry ${host} does not give ${repository} to this tenant.`,
        mend: `Give the right credentials with \`drayage registry add ${host}\`.`,
      });
    return new DrayageError(
      {
        code: 'registryAnswer',
        message: `The registry ${host} answers with status ${String(status)}.`,
        mend: 'Try again later; if it goes on, ask whoever runs it.',
      },
      { retryable: status === 429 || status >= 500 },
    );
  }

  #wrongAnswer(what: string): DrayageError {
    return new DrayageError({
      code: 'registryAnswer',
      message: `The registry ${this.#reference.host} gave ${what}.`,
      mend: 'Ask whoever runs it.',
    });
  }
}

async function readDocument(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > DOCUMENT_MAX_BYTES) {
      answer.destroy();
      throw new DrayageError({
        code: 'registryAnswer',
        message: 'The registry gave a document that is too large to be one of an image.',
        mend: 'Ask whoever runs it.',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
