import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ContainerFacts, Engine } from '../engine/types.ts';
import type { Identity } from '../link/identity.ts';
import type { Peer } from '../link/connectTls.ts';
import { LinkClient } from '../link/linkClient.ts';
import type { LinkRequest } from '../link/linkServer.ts';
import type { FileMover, FinalReceiver, FinalSender } from '../ownership/ports.ts';
import { createFileSource } from './createFileSource.ts';
import { createFileTarget } from './createFileTarget.ts';
import { appendLogHistory, readLogHistory, type LogPosition } from './logHistory.ts';
import { NOT_HERE, pushStream } from './pushStream.ts';
import type { TmpfsMounts } from './tmpfsMounts.ts';
import { expectTmpfs, refreshTmpfs, sendTmpfs, type IncomingTmpfs, type OutgoingTmpfs } from './tmpfsSync.ts';
import type { FileRoot, FileSource, FileTarget } from './types.ts';

export interface FileSyncDeps {
  engine: Engine;
  /** Directory on disk for what a move keeps meanwhile; emptied when it ends. */
  workRoot: string;
  /** Holds the file systems in memory of computes that arrive. */
  mounts: TmpfsMounts;
  identity: () => Identity;
}

interface Outgoing {
  sources: Map<string, FileSource>;
  tmpfs: OutgoingTmpfs;
  log: LogPosition | null;
}

interface Incoming {
  peer: string;
  targets: Map<string, FileTarget>;
  tmpfs: IncomingTmpfs;
}

/** The trees of files that belong to a compute: its writable layer and its named volumes. */
export function rootsOf(facts: ContainerFacts): FileRoot[] {
  const volumes = facts.volumes.map(({ name, directory }) => ({ name: `volume-${name}`, directory }));
  return [{ name: 'layer', directory: facts.upperDir }, ...volumes];
}

/** Moves files and logs of computes between devices: first while they run, at last what is left, in the freeze. */
export class FileSync implements FileMover {
  readonly #deps: FileSyncDeps;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #incoming = new Map<string, Incoming>();

  constructor(deps: FileSyncDeps) {
    this.#deps = deps;
  }

  /** Target: from here the peer may send the files of this compute. */
  async expect({
    migration,
    computeId,
    peer,
  }: {
    migration: string;
    computeId: string;
    peer: string;
  }): Promise<void> {
    const facts = await this.#facts(computeId);
    const directory = this.#directory(migration, computeId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const key = keyOf(migration, computeId);
    await this.#closeIncoming(key);
    const targets = new Map(rootsOf(facts).map((root) => [root.name, createFileTarget(root, directory)]));
    const tmpfs = await expectTmpfs(this.#deps.mounts, arrivalOf(key), facts.tmpfs);
    this.#incoming.set(key, { peer, targets, tmpfs });
  }

  /** Source: all files and the log, then what changed meanwhile. Resolves with the bytes sent. */
  async send(
    { migration, computeId, target }: { migration: string; computeId: string; target: Peer },
    progress: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const facts = await this.#facts(computeId);
    const key = keyOf(migration, computeId);
    await this.#closeOutgoing(key);
    const directory = this.#directory(migration, computeId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const sources = new Map(rootsOf(facts).map((root) => [root.name, createFileSource(root, directory)]));
    const outgoing: Outgoing = { sources, tmpfs: new Map(), log: null };
    this.#outgoing.set(key, outgoing);
    const link = await LinkClient.connect(this.#deps.identity(), target);
    const end = () => link.close();
    signal.addEventListener('abort', end);
    let bytes = 0;
    const put = async (path: string, content: Readable) => {
      content.on('data', (chunk: Buffer) => progress((bytes += chunk.length)));
      await pushStream(link, `/v1/migrations/${migration}/${computeId}/${path}`, content);
    };
    try {
      for (const [name, source] of sources) {
        await put(`full/${encodeURIComponent(name)}`, source.full());
        await put(`difference/${encodeURIComponent(name)}`, source.difference());
      }
      outgoing.tmpfs = await sendTmpfs(facts, directory, put);
      const history = await readLogHistory(facts.logPath, null);
      await put('log/history', history.stream);
      outgoing.log = await history.position;
      return bytes;
    } finally {
      signal.removeEventListener('abort', end);
      link.close();
    }
  }

  /** Serves a peer that sends files. Returns false when the path is none of these. */
  async serve({ stream, path, peer }: LinkRequest): Promise<boolean> {
    const match = /^\/v1\/migrations\/([^/]+)\/([^/]+)\/(full|difference|log)\/([^/]+)$/.exec(path);
    if (!match) return false;
    const [, migration = '', computeId = '', kind = '', encoded = ''] = match;
    const incoming = this.#incoming.get(keyOf(migration, computeId));
    const root = decodeURIComponent(encoded);
    const tmpfs = incoming?.tmpfs.get(root);
    const target = tmpfs?.target ?? incoming?.targets.get(root);
    if (!incoming || incoming.peer !== peer || (kind !== 'log' && !target)) {
      stream.respond({ ':status': incoming?.peer === peer && kind === 'full' ? NOT_HERE : 404 });
      stream.end('nothing of that compute is expected here');
      return true;
    }
    try {
      if (kind === 'full') {
        await target?.applyFull(stream);
        if (tmpfs) tmpfs.arrived = true;
      } else if (kind === 'difference') await target?.applyDifference(stream);
      else
        await pipeline(stream, createWriteStream(this.#history(migration, computeId), { mode: 0o600 }), {
          end: true,
        });
      stream.respond({ ':status': 200 });
      stream.end('{}');
    } catch (error) {
      if (!stream.headersSent && !stream.destroyed) stream.respond({ ':status': 500 });
      stream.end(error instanceof Error ? error.message : 'failed');
    }
    return true;
  }

  armSenders(migration: string, _facts: ContainerFacts, computeId: string): Promise<FinalSender[]> {
    const outgoing = this.#outgoing.get(keyOf(migration, computeId));
    if (!outgoing) throw new Error(`the files of ${computeId} were not copied yet by this worker`);
    const tmpfs = [...outgoing.tmpfs].map(([root, { source }]) => [root, source] as const);
    const senders = [...outgoing.sources, ...tmpfs].map(([root, source]) => {
      const armed = source.armFinal();
      return {
        root,
        go: () => armed.go(),
        stream: armed.stream,
        done: armed.done,
        cancel: () => quietly(() => armed.cancel(), armed.done),
      };
    });
    return Promise.resolve(senders);
  }

  async armReceivers(migration: string, facts: ContainerFacts, computeId: string): Promise<FinalReceiver[]> {
    const incoming = this.#incoming.get(keyOf(migration, computeId));
    if (!incoming) throw new Error(`the files of ${computeId} are not expected by this worker`);
    const tmpfs = arrivedOf(incoming).map(([root, { target }]) => [root, target] as const);
    return [...incoming.targets, ...tmpfs].map(([root, target]) => {
      const armed = target.armFinal(root === 'layer' ? facts.mergedDir : undefined);
      return {
        root,
        stream: armed.stream,
        done: armed.done,
        flushed: armed.flushed,
        cancel: () => quietly(() => armed.cancel(), armed.done),
      };
    });
  }

  async refresh(migration: string, computeId: string, link: LinkClient): Promise<void> {
    const outgoing = this.#outgoing.get(keyOf(migration, computeId));
    if (!outgoing) return;
    await refreshTmpfs(outgoing.tmpfs, (path, content) =>
      pushStream(link, `/v1/migrations/${migration}/${computeId}/${path}`, content),
    );
  }

  externalMounts(migration: string, computeId: string): Map<string, string> {
    const outgoing = this.#outgoing.get(keyOf(migration, computeId));
    const incoming = this.#incoming.get(keyOf(migration, computeId));
    const leaving = [...(outgoing?.tmpfs ?? [])].map(([name, { path }]) => [path, name] as const);
    const coming = incoming
      ? arrivedOf(incoming).map(([name, { directory }]) => [name, directory] as const)
      : [];
    return new Map([...leaving, ...coming]);
  }

  /** What was logged before the move goes where the engine will open its log: it counts only what is there then. */
  async placeHistory(migration: string, { logPath }: ContainerFacts, computeId: string): Promise<void> {
    const history = this.#history(migration, computeId);
    if (await stat(history).catch(() => null)) await appendLogHistory(logPath, createReadStream(history));
  }

  async logTail(migration: string, facts: ContainerFacts, computeId: string): Promise<Readable> {
    const position = this.#outgoing.get(keyOf(migration, computeId))?.log ?? null;
    return (await readLogHistory(facts.logPath, position)).stream;
  }

  async forget(migration: string): Promise<void> {
    for (const key of [...this.#outgoing.keys()].filter((one) => one.startsWith(`${migration}/`)))
      await this.#closeOutgoing(key);
    for (const key of [...this.#incoming.keys()].filter((one) => one.startsWith(`${migration}/`)))
      await this.#closeIncoming(key);
    await rm(join(this.#deps.workRoot, migration), { recursive: true, force: true });
  }

  /** Whether a compute is being prepared here for a move. */
  expects(computeId: string): boolean {
    return [...this.#incoming.keys()].some((key) => key.endsWith(`/${computeId}`));
  }

  /** At start: nothing of an earlier worker's moves is of use. */
  async clear(): Promise<void> {
    await rm(this.#deps.workRoot, { recursive: true, force: true });
    await this.#deps.mounts.clear();
  }

  async #closeIncoming(key: string): Promise<void> {
    const incoming = this.#incoming.get(key);
    this.#incoming.delete(key);
    for (const target of incoming?.targets.values() ?? []) await target.close();
    for (const { target } of incoming?.tmpfs.values() ?? []) await target.close();
    if (incoming) await this.#deps.mounts.release(arrivalOf(key));
  }

  async #closeOutgoing(key: string): Promise<void> {
    const outgoing = this.#outgoing.get(key);
    for (const source of outgoing?.sources.values() ?? []) await source.close();
    for (const { source } of outgoing?.tmpfs.values() ?? []) await source.close();
    this.#outgoing.delete(key);
  }

  async #facts(computeId: string): Promise<ContainerFacts> {
    const facts = await this.#deps.engine.facts(computeId);
    if (facts) return facts;
    throw new Error(`there is no container of compute ${computeId}`);
  }

  #directory(migration: string, computeId: string): string {
    return join(this.#deps.workRoot, migration, computeId);
  }

  #history(migration: string, computeId: string): string {
    return join(this.#directory(migration, computeId), 'history.log');
  }
}

/** A move that ended late must not end what a later one has begun: its name is a part of it. */
function arrivalOf(key: string): string {
  return key.replace('/', '-');
}

function arrivedOf({ tmpfs }: Incoming) {
  return [...tmpfs].filter(([, { arrived }]) => arrived);
}

function keyOf(migration: string, computeId: string): string {
  return `${migration}/${computeId}`;
}

async function quietly(cancel: () => void, done: Promise<unknown>): Promise<void> {
  cancel();
  await done.catch(() => undefined);
}
