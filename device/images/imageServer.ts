import { pipeline } from 'node:stream/promises';
import { withoutLayers } from '../../core/archiveLayers.ts';
import { imageRequestSchema } from '../../core/deviceApi.ts';
import type { Engine } from '../engine/types.ts';
import type { LinkRequest } from '../link/linkServer.ts';
import { readJson } from '../link/readJson.ts';

/** Of a request for an image, on the link. */
export const IMAGE_PATH = '/v1/images';

interface Deps {
  engine: Pick<Engine, 'hasImage' | 'saveImage'>;
  /** Whether a peer may have an image is the control plane's to say. */
  allowedImage: (imageId: string, device: string) => Promise<string>;
}

/** Gives images to peers that need them. */
export class ImageServer {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Resolves to false when the request is for something else. */
  async serve({ stream, path, peer }: LinkRequest): Promise<boolean> {
    if (path !== IMAGE_PATH) return false;
    const status = await this.#answer(stream, peer);
    if (status !== 200 && !stream.destroyed && !stream.headersSent) {
      stream.respond({ ':status': status });
      stream.end();
    }
    return true;
  }

  async #answer(stream: LinkRequest['stream'], peer: string): Promise<number> {
    const asked = await readJson(stream, imageRequestSchema);
    if (asked === null) return 400;
    const { engine, allowedImage } = this.#deps;
    const { id, without } = asked;
    const digest = await allowedImage(id, peer).catch(() => null);
    if (digest === null) return 403;
    if (!(await engine.hasImage(digest))) return 404;
    const archive = await engine.saveImage(digest);
    stream.respond({ ':status': 200 });
    await pipeline(without.length > 0 ? withoutLayers(archive, without) : archive, stream);
    return 200;
  }
}
