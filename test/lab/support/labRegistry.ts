import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rootFileSystemConfig } from '../../../core/imageArchive.ts';
import { until } from '../../../core/until.ts';
import { REGISTRY_PORT } from '../../../lab/control.ts';
import type { Lab } from '../../../lab/state.ts';

export const LOGIN = { username: 'drayage', password: 'the word of the lab' };
/** Of the password above, as `htpasswd -B` makes it. */
const HASH = '$2y$05$Y8joCezpIJfXbHjWM7KzxeJPkH2zQRCJ7AfvO6SuimxeNrOxGrek6';
const START_MS = 10_000;

/** Debian's docker-registry beside a lab's control plane, for who knows the password. */
export class LabRegistry {
  readonly host: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(host: string, child: ChildProcess, directory: string) {
    this.host = host;
    this.#child = child;
    this.#directory = directory;
  }

  static async start(lab: Lab): Promise<LabRegistry> {
    const host = `${lab.addresses.control}:${String(REGISTRY_PORT)}`;
    const directory = await mkdtemp(join(tmpdir(), 'drayage-registry-'));
    await writeFile(join(directory, 'htpasswd'), `${LOGIN.username}:${HASH}\n`);
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') } },
      http: { addr: host },
      auth: { htpasswd: { realm: 'lab', path: join(directory, 'htpasswd') } },
    };
    await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
    const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
    const registry = new LabRegistry(host, child, directory);
    try {
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      await until('the registry to answer', START_MS, async () => {
        const answer = await fetch(`http://${host}/v2/`).catch(() => null);
        await answer?.body?.cancel();
        return answer?.status === 401;
      });
    } catch (error) {
      await registry.stop();
      throw error;
    }
    return registry;
  }

  /** Puts an image of these layers there; it runs `command`. Resolves with its id as Docker names it. */
  async push(repository: string, layers: Buffer[], command: string[], architecture: string): Promise<string> {
    const options = { command, entrypoint: [], env: [], workingDir: '' };
    const base = JSON.parse(
      rootFileSystemConfig(hashOf(layers[0]!), architecture, options).toString(),
    ) as object;
    const rootfs = { type: 'layers', diff_ids: layers.map((layer) => `sha256:${hashOf(layer)}`) };
    const config = Buffer.from(JSON.stringify({ ...base, history: undefined, rootfs }));
    const descriptor = (mediaType: string, bytes: Buffer) => ({
      mediaType: `application/vnd.docker.${mediaType}`,
      digest: `sha256:${hashOf(bytes)}`,
      size: bytes.length,
    });
    const packed = layers.map((layer) => gzipSync(layer, { level: 1 }));
    for (const bytes of [config, ...packed]) await this.#blob(repository, bytes);
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor('container.image.v1+json', config),
      layers: packed.map((bytes) => descriptor('image.rootfs.diff.tar.gzip', bytes)),
    });
    await this.#ask('PUT', `http://${this.host}/v2/${repository}/manifests/latest`, manifest, mediaType);
    return `sha256:${hashOf(config)}`;
  }

  async stop(): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #blob(repository: string, bytes: Buffer): Promise<void> {
    const begun = await this.#ask('POST', `http://${this.host}/v2/${repository}/blobs/uploads/`, '');
    const url = new URL(begun.headers.get('location') ?? '', `http://${this.host}`);
    url.searchParams.set('digest', `sha256:${hashOf(bytes)}`);
    await this.#ask('PUT', url.href, new Uint8Array(bytes), 'application/octet-stream');
  }

  async #ask(
    method: string,
    url: string,
    body: string | Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<Response> {
    const secret = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64');
    const headers = {
      authorization: `Basic ${secret}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    const answer = await fetch(url, { method, headers, body });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${method} ${url}: ${String(answer.status)}`);
    return answer;
  }
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
