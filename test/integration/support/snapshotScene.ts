import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { acceptedSchema } from '../../../core/api/common.ts';
import { snapshotSchema, type SnapshotView } from '../../../core/api/snapshots.ts';
import type { SnapshotContent } from '../../../core/snapshot.ts';
import { type ComputeRecord, getCompute } from '../../../db/computes.ts';
import { setDeviceState } from '../../../db/devices.ts';
import { finishSnapshot } from '../../../db/snapshots.ts';
import type { Answer, TestApi } from './api.ts';
import { makeCompute, makeContent } from './fixtures.ts';
import type { JoinedDevice } from './joinedDevices.ts';
import type { Member } from './tar.ts';

/** What the parts of the scene's snapshots hold. */
export const PARTS: Record<string, Buffer> = {
  images: Buffer.from('a secret in memory '.repeat(20_000)),
  'layer.0': Buffer.from('all of the layer'),
  'layer.1': Buffer.alloc(0),
  'volume-data.0': Buffer.from('all of the volume'),
};

/** Snapshots of a compute with a volume, made by a device that has joined. */
export class SnapshotScene {
  readonly #api: TestApi;

  constructor(api: TestApi) {
    this.#api = api;
  }

  /** A running compute on that device, which is ready. */
  async compute({ deviceId }: JoinedDevice, name: string): Promise<ComputeRecord> {
    const { db } = this.#api.context;
    await setDeviceState(db, deviceId, ['pending', 'ready'], 'ready');
    const volumes = [{ name: 'data', path: '/data' }];
    const { id } = await makeCompute(db, { name, deviceId, spec: { volumes } });
    return getCompute(db, id);
  }

  /** Asks for a snapshot; resolves with its id. Its workflow has ended by then, as far as Temporal tells. */
  async ask(compute: string, body: object = {}): Promise<string> {
    const { id, workflowId } = acceptedSchema.parse(
      (await this.#api.call('POST', `/computes/${compute}/snapshots`, body)).body,
    );
    this.#api.workflows.running.delete(workflowId);
    return id;
  }

  /** As the device and the workflow make it. */
  async ready(
    { client }: JoinedDevice,
    compute: string,
    body: object = {},
    over: Partial<SnapshotContent> = {},
  ): Promise<SnapshotView> {
    const id = await this.ask(compute, body);
    const parts = [];
    for (const [name, content] of Object.entries(PARTS))
      parts.push(await client.putSnapshotPart(id, name, Readable.from([content], { objectMode: false })));
    await finishSnapshot(this.#api.context.db, id, makeContent({ parts, ...over }));
    return this.show(id);
  }

  async show(id: string): Promise<SnapshotView> {
    return snapshotSchema.parse((await this.#api.call('GET', `/snapshots/${id}`)).body);
  }

  /** The archive of a snapshot, as the admin or who has that token gets it. */
  async exported(id: string): Promise<Buffer> {
    const { secret } = (await this.#api.call('POST', '/tokens', { name: 'x' })).body;
    const answer = await this.#api.app.inject({
      url: `/api/v1/snapshots/${id}/archive`,
      headers: { authorization: `Bearer ${secret}` },
    });
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return answer.rawPayload;
  }

  async imported(archive: Buffer, query = '', token?: string): Promise<Answer> {
    const secret = token ?? (await this.#api.call('POST', '/tokens', { name: 'x' })).body.secret;
    const answer = await this.#api.app.inject({
      method: 'POST',
      url: `/api/v1/snapshots${query}`,
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/x-tar' },
      payload: archive,
    });
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  }
}

/** The files of a tar, in their order. */
export async function membersOf(archive: Buffer): Promise<Member[]> {
  const tar = extract();
  tar.end(archive);
  const members: Member[] = [];
  for await (const entry of tar) {
    const content = await buffer(entry);
    members.push({ name: entry.header.name, content });
  }
  return members;
}
