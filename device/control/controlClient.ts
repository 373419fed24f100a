import type { Readable } from 'node:stream';
import { DrayageError } from '../../core/cause.ts';
import {
  type CheckpointReport,
  type CheckpointToRestore,
  checkpointToRestoreSchema,
  keeperSchema,
} from '../../core/checkpoint.ts';
import type { Inventory } from '../../core/device.ts';
import {
  askResponseSchema,
  emptyResponseSchema,
  heartbeatResponseSchema,
  imageAllowedSchema,
  imageSourcesSchema,
  peerResponseSchema,
  type PeerResponse,
  placementsResponseSchema,
  renewalResponseSchema,
  selfEvacuationResponseSchema,
  type DevicePlacement,
  type ExitRequest,
  type HandOverRequest,
  type HeartbeatResponse,
  type HeartbeatRequest,
  type HealthRequest,
  type ImageSources,
  type SelfEvacuation,
  type SelfEvacuationRequest,
} from '../../core/deviceApi.ts';
import type { MetricsReport } from '../../core/metrics.ts';
import type { Progress } from '../../core/migration.ts';
import { networkRulesSchema, type NetworkRules } from '../../core/networkRules.ts';
import {
  type SnapshotForDevice,
  snapshotForDeviceSchema,
  type SnapshotPart,
  snapshotPartSchema,
} from '../../core/snapshot.ts';
import type { TransferReport, VerdictAnswer, VerdictWish } from '../../core/transfer.ts';
import type { Peer } from '../link/connectTls.ts';
import { HttpsJson } from './httpsJson.ts';
import type { StoredIdentity } from './identityStore.ts';

/** The control plane as a joined device sees it. Calls fail with a retryable DrayageError while it is away. */
export class ControlClient {
  readonly #https: HttpsJson;
  readonly #peers = new Map<string, Peer>();

  constructor(controlUrl: string, identity: StoredIdentity) {
    this.#https = new HttpsJson(controlUrl, identity);
  }

  /** Shows another certificate from the next call on; those under way are not disturbed. */
  use(identity: StoredIdentity): void {
    this.#https.use(identity);
  }

  /** A certificate (PEM) for another key of this device. */
  async renew(csr: string): Promise<string> {
    const body = { csr, clock: Date.now() };
    return (await this.#https.call('POST', '/device/v1/renewal', renewalResponseSchema, body)).certificate;
  }

  heartbeat(
    inventory: Inventory,
    computes: HeartbeatRequest['computes'],
    lease?: HeartbeatRequest['lease'],
  ): Promise<HeartbeatResponse> {
    const body = { inventory, computes, clock: Date.now(), lease };
    return this.#https.call('POST', '/device/v1/heartbeat', heartbeatResponseSchema, body);
  }

  /** The rules of the computes' network; null from a control plane of an earlier version, which has none. */
  async network(): Promise<NetworkRules | null> {
    try {
      return await this.#https.call('GET', '/device/v1/network', networkRulesSchema);
    } catch (error) {
      if (error instanceof DrayageError && error.cause_.code === 'unknownRoute') return null;
      throw error;
    }
  }

  /** Tells that this device, the owner on record, gave a group away before. */
  async handedOver(given: HandOverRequest): Promise<void> {
    await this.#https.call('POST', '/device/v1/hand-overs', emptyResponseSchema, given);
  }

  /** Asks that this device be emptied; while it is being emptied the answer is how far that is. */
  async evacuate(request: SelfEvacuationRequest): Promise<SelfEvacuation | null> {
    const answer = selfEvacuationResponseSchema;
    return (await this.#https.call('POST', '/device/v1/evacuation', answer, request)).evacuation;
  }

  /** How far the last evacuation of this device is. */
  async evacuation(): Promise<SelfEvacuation | null> {
    return (await this.#https.call('GET', '/device/v1/evacuation', selfEvacuationResponseSchema)).evacuation;
  }

  /** What this device and its computes use. */
  async metrics(report: MetricsReport): Promise<void> {
    await this.#https.call('POST', '/device/v1/metrics', emptyResponseSchema, report);
  }

  /** Tells of a checkpoint that a peer has kept. */
  async tookCheckpoint(report: CheckpointReport): Promise<void> {
    await this.#https.call('POST', '/device/v1/checkpoints', emptyResponseSchema, report);
  }

  /** The device whose checkpoints of a compute this one keeps; null when it does not. */
  async checkpointSource(computeId: string): Promise<string | null> {
    try {
      return (await this.#https.call('GET', `/device/v1/checkpoints/${computeId}/source`, keeperSchema)).from;
    } catch (error) {
      if (error instanceof DrayageError && error.cause_.code === 'unknownCheckpoint') return null;
      throw error;
    }
  }

  /** The checkpoint that a compute of this device is to go on from, with its key. */
  checkpoint(computeId: string): Promise<CheckpointToRestore> {
    return this.#https.call('GET', `/device/v1/checkpoints/${computeId}`, checkpointToRestoreSchema);
  }

  async placements(): Promise<DevicePlacement[]> {
    return (await this.#https.call('GET', '/device/v1/placements', placementsResponseSchema)).items;
  }

  /** An image that a compute of this device needs, as an archive of `docker save`'s form, without its lowest layers. */
  imageArchive(imageId: string, skip: number): Promise<Readable> {
    return this.#https.stream('GET', `/device/v1/images/${imageId}/archive?skip=${String(skip)}`);
  }

  /** What an image that a compute of this device needs is made of, and which peers have it. */
  imageSources(imageId: string): Promise<ImageSources> {
    return this.#https.call('GET', `/device/v1/images/${imageId}/sources`, imageSourcesSchema);
  }

  /**
   * The digest of an image that another device may have. @throws DrayageError unknownImage when the other device has no use
   * for it, or this one is not known to have it
   */
  async allowedImage(imageId: string, device: string): Promise<string> {
    const path = `/device/v1/images/${imageId}/requests`;
    return (await this.#https.call('POST', path, imageAllowedSchema, { device })).digest;
  }

  /** Tells which images this device has. */
  async holdsImages(digests: string[]): Promise<void> {
    await this.#https.call('POST', '/device/v1/images', emptyResponseSchema, { digests });
  }

  /** The archive of an application that this device builds: the whole context of its build. */
  appArchive(appId: string): Promise<Readable> {
    return this.#https.stream('GET', `/device/v1/apps/${appId}/archive`);
  }

  /** Puts lines into the log of a build, from that line on. */
  async appLog(appId: string, from: number, lines: string[]): Promise<void> {
    await this.#https.call('POST', `/device/v1/apps/${appId}/log`, emptyResponseSchema, { from, lines });
  }

  /** Gives the image of an application that this device has built, in `docker save` form. */
  async sendAppImage(appId: string, archive: Readable): Promise<void> {
    await this.#https.send(
      `/device/v1/apps/${appId}/image`,
      'application/x-tar',
      archive,
      emptyResponseSchema,
    );
  }

  /** Gives a part of a snapshot that this device makes; resolves when it is kept. */
  putSnapshotPart(snapshot: string, part: string, content: Readable): Promise<SnapshotPart> {
    const path = `/device/v1/snapshots/${snapshot}/parts/${part}`;
    return this.#https.send(path, 'application/octet-stream', content, snapshotPartSchema);
  }

  /** What a snapshot holds that a compute of this device is restored from. */
  snapshot(snapshot: string): Promise<SnapshotForDevice> {
    return this.#https.call('GET', `/device/v1/snapshots/${snapshot}`, snapshotForDeviceSchema);
  }

  /** A part of such a snapshot. */
  snapshotPart(snapshot: string, part: string): Promise<Readable> {
    return this.#https.stream('GET', `/device/v1/snapshots/${snapshot}/parts/${part}`);
  }

  /** Where a peer's link is; the last known address while the control plane is away. */
  async peer(deviceId: string): Promise<Peer> {
    try {
      const { id, linkAddress } = await this.askPeer(deviceId);
      const peer = { id, linkAddress };
      this.#peers.set(deviceId, peer);
      return peer;
    } catch (error) {
      const known = this.#peers.get(deviceId);
      if (known && error instanceof DrayageError && error.retryable) return known;
      throw error;
    }
  }

  /** What the control plane says of a peer now. @throws DrayageError unknownDevice when it was removed */
  askPeer(deviceId: string): Promise<PeerResponse> {
    return this.#https.call('GET', `/device/v1/peers/${deviceId}`, peerResponseSchema);
  }

  ask(transfer: string, role: 'source' | 'target', wants: VerdictWish): Promise<VerdictAnswer> {
    return this.#https.call('POST', `/device/v1/transfers/${transfer}/ask`, askResponseSchema, {
      role,
      wants,
    });
  }

  async report(transfer: string, outcome: TransferReport): Promise<void> {
    await this.#https.call('POST', `/device/v1/transfers/${transfer}/report`, emptyResponseSchema, {
      outcome,
    });
  }

  /** Tells how far the memory of a move is. */
  async progress(migration: string, progress: Progress): Promise<void> {
    await this.#https.call(
      'POST',
      `/device/v1/migrations/${migration}/progress`,
      emptyResponseSchema,
      progress,
    );
  }

  async exited(exit: ExitRequest): Promise<void> {
    await this.#https.call('POST', '/device/v1/exits', emptyResponseSchema, exit);
  }

  async health(health: HealthRequest): Promise<void> {
    await this.#https.call('POST', '/device/v1/health', emptyResponseSchema, health);
  }

  close(): void {
    this.#https.close();
  }
}
