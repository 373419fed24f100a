import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Header, type Pack, pack } from 'tar-stream';
import { memberName, saveManifestSchema } from './imageArchive.ts';

/** What becomes of a member: it is kept, left out, or has another content. */
type Fate = 'keep' | 'leave' | Buffer;
type Content = AsyncIterable<Buffer> & { resume(): unknown };
type Visit = (header: Header, content: Content) => Fate | Promise<Fate>;

/**
 * A `docker save` archive without the contents of some layers, which the engine that loads it has. `layers` are digests of
 * the unpacked layers; they are found where Docker since 25 and Drayage put them, and sent all the same where another tool
 * put them elsewhere.
 */
export function withoutLayers(archive: Readable, layers: readonly string[]): Readable {
  const names = new Set(layers.flatMap(layerNames));
  return rewritten(archive, ({ name }) => (names.has(memberName(name)) ? 'leave' : 'keep'));
}

/**
 * A `docker save` archive whose image bears no name: whoever sends it could else give his own the name of another one, such
 * as that of the sandboxes' image. Its digest tells what it is.
 */
export function withoutNames(archive: Readable): Readable {
  return rewritten(archive, async (header, content) => {
    const name = memberName(header.name);
    if (['repositories', 'index.json', 'oci-layout'].includes(name)) return 'leave';
    if (name !== 'manifest.json') return 'keep';
    const images = saveManifestSchema.parse(JSON.parse((await buffer(content)).toString('utf8')));
    return Buffer.from(JSON.stringify(images.map((image) => ({ ...image, RepoTags: null }))));
  });
}

function layerNames(digest: string): string[] {
  const hash = digest.replace('sha256:', '');
  return [`blobs/sha256/${hash}`, `${hash}/layer.tar`];
}

/** The same archive with some of its members changed; a few chunks of it are in memory at a time. */
function rewritten(archive: Readable, visit: Visit): Readable {
  const to = pack();
  copyMembers(archive, to, visit).catch((error: unknown) => {
    to.destroy(error as Error);
  });
  return Readable.from(to as AsyncIterable<Buffer>, { objectMode: false }).once('close', () => {
    to.destroy();
    archive.destroy();
  });
}

async function copyMembers(archive: Readable, to: Pack, visit: Visit): Promise<void> {
  const from = extract();
  const fed = pipeline(archive, from);
  fed.catch(() => undefined);
  for await (const entry of from) {
    const { header } = entry;
    const content = entry as unknown as Content;
    const fate = await visit(header, content);
    if (Buffer.isBuffer(fate)) quiet(to.entry({ ...header, size: fate.length }, fate));
    else if (fate === 'leave') content.resume();
    else if (header.type === 'file' || header.type === 'contiguous-file')
      await pour(content, quiet(to.entry(header)));
    else {
      content.resume();
      quiet(to.entry(header));
    }
  }
  await fed;
  to.finalize();
}

/** A member's end of the archive; that the archive fails is heard from the archive itself. */
export function quiet<T extends ReturnType<Pack['entry']>>(sink: T): T {
  sink.on('error', () => undefined);
  return sink;
}

/** A member that is cut off fails here, which Node's own pipeline would not notice of these streams. */
async function pour(content: Content, sink: ReturnType<Pack['entry']>): Promise<void> {
  for await (const chunk of content) {
    if (sink.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const settle = () => {
        sink.off('drain', settle).off('close', settle);
        resolve();
      };
      sink.on('drain', settle).on('close', settle);
    });
  }
  sink.end(null);
}
