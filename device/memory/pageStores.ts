import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RestoreMode } from '../../core/chooseRestore.ts';
import type { Identity } from '../link/identity.ts';
import type { LinkRequest } from '../link/linkServer.ts';
import type { PagesAccepted } from '../../core/linkMessages.ts';
import { findNativePrograms } from './nativePrograms.ts';
import type { PageListener } from './pageListener.ts';
import { PageStore, type StoreStatus } from './pageStore.ts';

const LOOK_MS = 50;

export interface FillOutcome {
  state: 'filled' | 'failed' | 'none';
  pages: number;
  /** How long it was waited for, milliseconds. */
  ms: number;
  reason: string;
}

interface PageStoresDeps {
  root: string;
  listener: PageListener;
  identity: () => Identity;
  log: (message: string, detail: Record<string, unknown>) => void;
}

/** The page stores of all computes that arrive at, or have come to, this device. */
export class PageStores {
  readonly #root: string;
  readonly #stores = new Map<string, PageStore>();
  readonly #expected = new Map<string, string>();
  readonly #listener: PageListener;
  readonly #identity: () => Identity;
  readonly #log: PageStoresDeps['log'];

  /** `root`: a directory on the tmpfs for memory images. */
  constructor({ root, listener, identity, log }: PageStoresDeps) {
    this.#root = root;
    this.#listener = listener;
    this.#identity = identity;
    this.#log = log;
  }

  /** At start: what an earlier worker had only begun goes; helpers that fill a running compute are left alone. */
  async recover(): Promise<void> {
    for (const migration of await readdir(this.#root).catch(() => []))
      for (const computeId of await readdir(join(this.#root, migration)).catch(() => [])) {
        const store = new PageStore(this.#directory(migration, computeId), 'lazy');
        const { state } = await store.status();
        if (state !== 'filling' && state !== 'failed') await store.discard();
      }
  }

  /** From here the peer may send the memory of this compute. */
  expect(migration: string, computeId: string, peer: string): void {
    this.#expected.set(keyOf(migration, computeId), peer);
  }

  /** Null when the source has sent none: its images then hold the memory. */
  store(migration: string, computeId: string): PageStore | null {
    return this.#stores.get(keyOf(migration, computeId)) ?? null;
  }

  /** Tells a peer that has memory to send where to. Returns false when the path is another's. */
  async serve({ stream, path, peer }: LinkRequest): Promise<boolean> {
    const match = /^\/v1\/memory\/([\w-]+)\/([\w-]+)\/(\w+)$/.exec(path);
    if (!match) return false;
    const [, migration = '', computeId = '', mode = ''] = match;
    const restore = Object.values(RestoreMode).find((one) => one === mode);
    const { memoryTarget } = await findNativePrograms();
    if (this.#expected.get(keyOf(migration, computeId)) !== peer || !restore || memoryTarget === null) {
      stream.respond({ ':status': memoryTarget === null ? 501 : 404 });
      stream.end();
      return true;
    }
    const token = await this.#begin({ migration, computeId, peer }, restore, memoryTarget);
    stream.respond({ ':status': 200 });
    stream.end(JSON.stringify({ port: this.#listener.port, token } satisfies PagesAccepted));
    return true;
  }

  /** Resolves with what the source has to say when it connects. */
  async #begin(
    { migration, computeId, peer }: { migration: string; computeId: string; peer: string },
    restore: RestoreMode,
    program: string,
  ): Promise<string> {
    const earlier = this.store(migration, computeId);
    if (earlier) this.#listener.forget(earlier.token);
    await earlier?.discard();
    const store = new PageStore(this.#directory(migration, computeId), restore);
    await store.prepare();
    this.#stores.set(keyOf(migration, computeId), store);
    this.#listener.expect(store.token, (socket) => {
      this.#log('a source connects to send memory', { migration, computeId });
      store.start(program, socket, { peer, identity: this.#identity() });
    });
    return store.token;
  }

  /** Resolves when every page has been handed over to the running compute, or never will be. */
  async filled(migration: string, computeId: string): Promise<FillOutcome> {
    const from = performance.now();
    const store = new PageStore(this.#directory(migration, computeId), 'lazy');
    let last: StoreStatus | null = null;
    for (;;) {
      const status = await store.status();
      const ms = performance.now() - from;
      if (status.state === 'failed')
        return { state: 'failed', pages: status.pages, ms, reason: status.reason };
      if (status.state !== 'filling') {
        await this.forget(migration, computeId);
        const state = status.state === 'filled' || last !== null ? 'filled' : 'none';
        return { state, pages: last?.pages ?? status.pages, ms, reason: '' };
      }
      last = status;
      await pause(LOOK_MS);
    }
  }

  /**
   * Ends what is kept of a compute's memory. Nothing there is no error; one that processes still depend on is left alone:
   * one that is being filled in, and one that could not be, whose processes are frozen.
   */
  async forget(migration: string, computeId: string): Promise<void> {
    const key = keyOf(migration, computeId);
    const store = this.#stores.get(key) ?? new PageStore(this.#directory(migration, computeId), 'lazy');
    this.#expected.delete(key);
    this.#stores.delete(key);
    this.#listener.forget(store.token);
    const { state } = await store.status();
    if (state !== 'filling' && state !== 'failed') await store.discard();
  }

  /** A compute is to be stopped: one that was frozen because its memory could not be filled in is ended by `kill`, then forgotten. */
  async release(computeId: string, kill: () => Promise<void>): Promise<void> {
    for (const migration of await readdir(this.#root).catch(() => [])) {
      const store = new PageStore(this.#directory(migration, computeId), 'lazy');
      if ((await store.status()).state !== 'failed') continue;
      await kill();
      await store.discard();
    }
  }

  #directory(migration: string, computeId: string): string {
    return join(this.#root, migration, computeId);
  }
}

function keyOf(migration: string, computeId: string): string {
  return `${migration}/${computeId}`;
}
