import type { ComputeView } from '../../../core/api/computes.ts';
import { createSampleCompute, moveCompute, removeCompute } from '../../../lab/demo/sampleCompute.ts';
import { importImage } from '../../../lab/importImage.ts';
import { buildDebianImage } from '../../../lab/programs/buildDebianImage.ts';
import type { Service } from '../../../lab/programs/services.ts';
import type { TestLab } from '../../lab/support.ts';

/** A service from Debian's packages as a compute that starts on d1, with its clients on the lab's client host. */
export class MovedService {
  readonly ip: string;
  readonly #lab: TestLab;
  readonly #compute: ComputeView;
  readonly #root: string;

  private constructor(lab: TestLab, compute: ComputeView, root: string) {
    this.#lab = lab;
    this.#compute = compute;
    this.#root = root;
    this.ip = compute.ip;
  }

  /** @throws DrayageError when it does not come to run */
  static async create(lab: TestLab, { image, command }: Service): Promise<MovedService> {
    const { path, root } = await buildDebianImage(image);
    const { name } = image;
    const api = await lab.api();
    await importImage(lab.lab, api, { name, path, command });
    return new MovedService(lab, await createSampleCompute(api, { name, image: name, device: 'd1' }), root);
  }

  /** The command that runs a program of the image's own packages. */
  command(...words: string[]): string[] {
    return ['chroot', this.#root, ...words];
  }

  /** Moves it back and forth so many times, as long as it can be moved. Resolves with how each move ended. */
  async move(times: number): Promise<string[]> {
    const ends: string[] = [];
    for (let count = 0; count < times; count += 1) {
      const target = count % 2 === 0 ? 'd2' : 'd1';
      const { state, reason, causes } = await moveCompute(await this.#lab.api(), this.#compute.id, target);
      ends.push(state === 'succeeded' ? state : `${state}: ${reason} ${JSON.stringify(causes)}`);
      if (state !== 'succeeded') break;
    }
    return ends;
  }

  /** Nothing of it is left on the lab. */
  async remove(): Promise<void> {
    const api = await this.#lab.api();
    const { id, name } = this.#compute;
    await removeCompute(api, id);
    await api.request('DELETE', `/images/${name}`);
  }
}
