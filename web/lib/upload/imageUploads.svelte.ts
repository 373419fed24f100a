import { session } from '../state/session.svelte.ts';
import { ImageUpload, type UploadRequest } from './ImageUpload.svelte.ts';

/** The uploads of this page; they go on while other pages of the dashboard are looked at. */
class ImageUploads {
  #all = $state.raw<readonly ImageUpload[]>([]);

  constructor() {
    addEventListener('beforeunload', (event) => {
      // The browser asks whether one means it: what has come is kept, but sending ends.
      if (this.#all.some(({ state }) => ['reading', 'sending', 'away', 'checking'].includes(state)))
        event.preventDefault();
    });
  }

  /** Those of the tenant that is looked at. */
  get here(): ImageUpload[] {
    const tenant = session.tenant?.id ?? null;
    return this.#all.filter(({ tenantId }) => tenantId === tenant);
  }

  begin(file: File, request: UploadRequest): void {
    const { client } = session.workspace;
    const upload = new ImageUpload({ client, tenantId: session.tenant?.id ?? null }, file, request);
    this.#all = [...this.#all, upload];
  }

  /** Takes it off the list. */
  forget(upload: ImageUpload): void {
    this.#all = this.#all.filter((one) => one !== upload);
  }
}

export const imageUploads = new ImageUploads();
