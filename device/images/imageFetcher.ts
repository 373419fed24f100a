import type { Readable } from 'node:stream';
import type { ClientHttp2Stream } from 'node:http2';
import { withoutNames } from '../../core/archiveLayers.ts';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { ImageRequest, ImageSources, PeerResponse } from '../../core/deviceApi.ts';
import { leadingLayers } from '../../core/leadingLayers.ts';
import type { Engine } from '../engine/types.ts';
import { unreachable } from '../link/connectTls.ts';
import type { Identity } from '../link/identity.ts';
import { LinkClient } from '../link/linkClient.ts';
import { IMAGE_PATH } from './imageServer.ts';

type Image = ComputeSpec['image'];

/** What the control plane is asked for; `ControlClient` is it. */
interface Control {
  imageSources(imageId: string): Promise<ImageSources>;
  imageArchive(imageId: string, skip: number): Promise<Readable>;
  holdsImages(digests: string[]): Promise<void>;
}

export interface ImageFetcherDeps {
  engine: Pick<Engine, 'loadImage' | 'listImages'>;
  control: Control;
  identity: () => Identity;
  log: (message: string, detail: Record<string, unknown>) => void;
}

/** An archive on its way, and how to end the connection that it comes by. */
interface Opened {
  archive: Readable;
  close(): void;
}

/** A place to get an image from, without the lowest `skip` layers. */
interface Source {
  name: string;
  open(skip: number): Promise<Opened>;
}

/**
 * Gets images onto this device: from the control plane, or, when that has not got them, from the peers that have. (A peer
 * that gives an image away takes the processor from its computes to do so.) Layers that are here are not sent again.
 */
export class ImageFetcher {
  readonly #deps: ImageFetcherDeps;

  constructor(deps: ImageFetcherDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the engine has the image. `watch` sees what comes, and may end it.
   * @throws DrayageError the control plane's cause when nobody could give it
   */
  async fetch(image: Image, watch: (archive: Readable) => Readable): Promise<void> {
    const { layers, peers } = await this.#sources(image);
    const held = await this.#deps.engine.listImages();
    const skip = leadingLayers(
      layers,
      held.map((one) => one.layers),
    );
    const sources = [this.#controlPlane(image), ...peers.map((peer) => this.#peer(image, peer, layers))];
    let first: unknown;
    for (const source of sources) {
      try {
        const layersHere = await this.#load(image, source, skip, watch);
        this.#deps.log('an image has come', { image: image.id, from: source.name, layersHere });
        await this.tell();
        return;
      } catch (error) {
        first ??= error;
        this.#deps.log('an image did not come', {
          image: image.id,
          from: source.name,
          error: String(error),
        });
      }
    }
    throw first;
  }

  /** Tells the control plane what is here; where it is away it is told the next time. */
  async tell(): Promise<void> {
    try {
      const held = await this.#deps.engine.listImages();
      await this.#deps.control.holdsImages(held.map(({ digest }) => digest));
    } catch (error) {
      this.#deps.log('which images are here was not told', { error: String(error) });
    }
  }

  /** An earlier control plane knows of no sources: it gives the image itself. */
  async #sources(image: Image): Promise<ImageSources> {
    try {
      return await this.#deps.control.imageSources(image.id);
    } catch (error) {
      if (error instanceof DrayageError && error.cause_.code === 'unknownRoute')
        return { layers: [], peers: [] };
      throw error;
    }
  }

  /** Resolves with how many layers were left out. */
  async #load(
    image: Image,
    source: Source,
    skip: number,
    watch: (archive: Readable) => Readable,
  ): Promise<number> {
    try {
      await this.#loadWithout(image, source, skip, watch);
      return skip;
    } catch (error) {
      // An engine that keeps images in another way, or has removed a layer meanwhile, wants them all.
      if (skip === 0 || (error instanceof DrayageError && error.retryable)) throw error;
      await this.#loadWithout(image, source, 0, watch);
      return 0;
    }
  }

  async #loadWithout(
    image: Image,
    source: Source,
    skip: number,
    watch: (archive: Readable) => Readable,
  ): Promise<void> {
    const opened = await source.open(skip);
    try {
      await this.#deps.engine.loadImage(withoutNames(watch(opened.archive)), image.digest);
    } finally {
      opened.archive.destroy();
      opened.close();
    }
  }

  #controlPlane(image: Image): Source {
    return {
      name: 'control',
      open: async (skip) => ({
        archive: await this.#deps.control.imageArchive(image.id, skip),
        close: () => undefined,
      }),
    };
  }

  #peer({ id }: Image, peer: PeerResponse, layers: string[]): Source {
    return {
      name: peer.id,
      open: async (skip) => {
        const link = await LinkClient.connect(this.#deps.identity(), peer);
        const close = () => link.close();
        try {
          const stream = link.open(IMAGE_PATH);
          const request: ImageRequest = { id, without: layers.slice(0, skip) };
          stream.end(JSON.stringify(request));
          await given(stream, peer);
          return { archive: stream, close };
        } catch (error) {
          close();
          throw error;
        }
      },
    };
  }
}

/** Waits until the peer gives it. @throws DrayageError when it does not */
function given(stream: ClientHttp2Stream, peer: PeerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('close', () => reject(unreachable(peer, 'the connection ended')));
    stream.once('response', (headers) => {
      const status = Number(headers[':status']);
      if (status === 200) return resolve();
      reject(
        new DrayageError({
          code: 'peerRefused',
          message: `Device ${peer.id} does not give the image (status ${String(status)}).`,
          mend: 'See the log of that device.',
        }),
      );
    });
  });
}
