import { Client, Connection } from '@temporalio/client';
import { expect } from 'vitest';
import { acceptedSchema, listOf } from '../../core/api/common.ts';
import { computeSchema, type ComputeView } from '../../core/api/computes.ts';
import { migrationAcceptedSchema, type MigrateRequest } from '../../core/api/migrations.ts';
import { FINAL_MIGRATION_STATES, migrationSchema, type Migration } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { readControlPlane } from '../../lab/control.ts';
import { LabFaults, SOON_MS } from './labFaults.ts';
import type { JournalRecord } from '../../device/ownership/journal.ts';
import { findCopies, readJournal, type Copy } from './liveCopies.ts';
import { patient } from './patience.ts';
import type { Failpoint } from '../../device/failpoints.ts';
import type { TestLab } from './support.ts';

/** A workflow that waits for a device that is back has retries and grace periods of up to 30 s ahead of it. */
export const END_MS = patient(120_000);
/** Between two looks at what changes within seconds, milliseconds. */
const LOOK_MS = 100;

/** One compute that starts on d1, its moves, and what both devices and the control plane have of it. */
export class ComputeScene {
  readonly lab: TestLab;
  readonly faults: LabFaults;
  #compute: ComputeView | null = null;

  constructor(lab: TestLab) {
    this.lab = lab;
    this.faults = new LabFaults(lab);
  }

  get compute(): ComputeView {
    if (this.#compute === null) throw new Error('There is a compute within a test.');
    return this.#compute;
  }

  /** `request`: what `POST /computes` takes. Resolves when it runs. */
  async create(request: { name: string; image: string } & Record<string, unknown>): Promise<void> {
    const body = { ...request, device: 'd1', env: { SCENE: request.name } };
    const api = await this.lab.api();
    const { id } = acceptedSchema.parse(await api.request('POST', '/computes', body));
    this.#compute = await this.#untilState(id, 'running');
  }

  /** Mends the lab, then removes the compute. Nothing there is no error. */
  async remove(): Promise<void> {
    await this.faults.mend();
    if (this.#compute === null) return;
    const { id } = this.#compute;
    this.#compute = null;
    await until(`${id} to be removed`, END_MS, () => this.#removed(id), 500);
  }

  /** Asks for a move and resolves with its id as soon as it is accepted. */
  async start(target = 'd2', options: Omit<MigrateRequest, 'target'> = {}): Promise<string> {
    const api = await this.lab.api();
    const path = `/computes/${this.compute.id}/migrations`;
    return migrationAcceptedSchema.parse(await api.request('POST', path, { target, ...options })).id;
  }

  /** Asks for a move and resolves with its id when it has come to the failpoint, where it waits or the worker dies. */
  async startUntil(
    device: string,
    point: Failpoint,
    { action = 'pause', target = 'd2' }: { action?: 'pause' | 'kill'; target?: string } = {},
  ): Promise<string> {
    await this.faults.arm(device, point, action);
    const id = await this.start(target);
    await this.faults.reached(device, point);
    return id;
  }

  /** All of its moves, newest first. */
  async migrations(): Promise<Migration[]> {
    const path = `/migrations?compute=${this.compute.id}`;
    const { items } = listOf(migrationSchema).parse(await (await this.lab.api()).request('GET', path));
    return items;
  }

  /** Id of the first move that something else asks for just now, once there is one. */
  async newestMigration(): Promise<string> {
    return until('a move to be asked for', SOON_MS, async () => (await this.migrations())[0]?.id);
  }

  async migration(id: string): Promise<Migration> {
    return migrationSchema.parse(await (await this.lab.api()).request('GET', `/migrations/${id}`));
  }

  /** The record of a move that has ended by itself, and whose workflow has. A control plane that is away is waited for. */
  async ended(id: string): Promise<Migration> {
    const look = async () => {
      const migration = await this.migration(id).catch(() => null);
      return migration !== null && FINAL_MIGRATION_STATES.includes(migration.state) ? migration : false;
    };
    const migration = await until(`migration ${id} to end`, END_MS, look, LOOK_MS);
    await until(`the workflow of ${id} to complete`, SOON_MS, async () => {
      const description = await this.describeWorkflow(migration.runId);
      return description.status.name === 'COMPLETED';
    });
    return migration;
  }

  /** What Temporal has of the compute's workflow. */
  async describeWorkflow(runId?: string) {
    const plane = await readControlPlane(this.lab.lab);
    const connection = await Connection.connect({ address: plane?.temporal ?? '' });
    try {
      return await new Client({ connection }).workflow.getHandle(this.compute.id, runId).describe();
    } finally {
      await connection.close();
    }
  }

  async show(): Promise<ComputeView> {
    return computeSchema.parse(await (await this.lab.api()).request('GET', `/computes/${this.compute.id}`));
  }

  /** What the compute's processes have in their environment, and no others. */
  get marker(): string {
    return `SCENE=${this.compute.name}`;
  }

  copies(): Promise<Copy[]> {
    return findCopies(this.lab.lab, this.marker);
  }

  /** What a device has written of all transfers, in order. */
  records(device: string): Promise<JournalRecord[]> {
    return readJournal(this.lab.lab, device, this.compute.group);
  }

  /** States that a device has written of a transfer, in order; of the newest one when none is named. */
  async journal(device: string, transfer?: string): Promise<string[]> {
    const records = await this.records(device);
    const wanted = transfer ?? records.at(-1)?.transfer;
    return records.filter((record) => record.transfer === wanted).map(({ state }) => state);
  }

  /** Id of the newest transfer that a device knows of. */
  async transfer(device = 'd1'): Promise<string> {
    const records = await this.records(device);
    const transfer = records.at(-1)?.transfer;
    if (transfer === undefined) throw new Error(`${device} has no transfer in its journal`);
    return transfer;
  }

  async untilWritten(device: string, state: string): Promise<void> {
    const look = async () => (await this.journal(device)).includes(state);
    await until(`${device} to write ${state}`, SOON_MS, look);
  }

  /** The compute runs on that device once and nowhere else, says the kernel and says the control plane. */
  async expectOneLiveCopy(device: string): Promise<void> {
    const where = async () => {
      const { state, device: placed } = await this.show();
      return { copies: await this.copies(), state, placed: placed.name };
    };
    const wanted = { copies: [{ device, frozen: false }], state: 'running', placed: device };
    // Told apart from a copy too many that would stay: that one ends the wait with all that there is.
    const settled = async () => JSON.stringify(await where()) === JSON.stringify(wanted);
    await until('one copy', SOON_MS, settled, LOOK_MS).catch(() => {});
    expect(await where()).toEqual(wanted);
  }

  /** A device has nothing of the compute and of its moves any more: container, sandbox, images, what waits for them. */
  async expectClean(device: string): Promise<void> {
    const look = async () => ({
      containers: (
        await this.lab.exec(device, ['docker', 'ps', '-aq', '--filter', `name=${this.compute.id}`])
      ).stdout,
      images: await this.faults.list(device, '/run/drayage/images'),
      pages: await this.faults.list(device, '/run/drayage/pages'),
      arriving: await this.faults.list(device, '/run/drayage/arriving'),
    });
    const wanted = { containers: '', images: [], pages: [], arriving: [] };
    const clean = async () => JSON.stringify(await look()) === JSON.stringify(wanted);
    await until(`${device} to be clean`, SOON_MS, clean, LOOK_MS).catch(() => {});
    expect(await look(), `what is left on ${device}`).toEqual(wanted);
  }

  async #removed(id: string): Promise<boolean> {
    const api = await this.lab.api();
    const gone = await api.request('GET', `/computes/${id}`).then(
      () => false,
      (error: Error) => /404/.test(error.message),
    );
    // Refused as long as something else is being done to it.
    if (!gone) await api.request('DELETE', `/computes/${id}`).catch(() => {});
    return gone;
  }

  #untilState(id: string, state: ComputeView['state']): Promise<ComputeView> {
    const look = async () => {
      const compute = computeSchema.parse(await (await this.lab.api()).request('GET', `/computes/${id}`));
      if (compute.state === 'failed') throw new Error(compute.reason);
      return compute.state === state ? compute : false;
    };
    return until(`${id} to be ${state}`, END_MS, look, LOOK_MS);
  }
}
