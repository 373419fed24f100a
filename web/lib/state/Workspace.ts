import type { Client } from '../../../client/createClient.ts';
import { clientFor } from '../api/clientFor.ts';
import { EventStream } from '../events/EventStream.svelte.ts';
import {
  type Compute,
  type Device,
  liveComputes,
  liveDevices,
  liveMigrations,
  type Migration,
} from './collections.ts';
import type { LiveList } from './LiveList.svelte.ts';

/** What is there of one tenant: its part of the API, what happens to it, and the lists that every page needs. */
export class Workspace {
  readonly client: Client;
  readonly stream: EventStream;
  readonly devices: LiveList<Device>;
  readonly computes: LiveList<Compute>;
  readonly migrations: LiveList<Migration>;

  constructor(tenantId: string | null, onSignedOut: () => void) {
    this.client = clientFor(tenantId, onSignedOut);
    this.stream = new EventStream(this.client);
    this.devices = liveDevices(this.client, this.stream);
    this.computes = liveComputes(this.client, this.stream);
    this.migrations = liveMigrations(this.client, this.stream);
  }

  /** Begins to follow; the lists are read when the stream begins, so that nothing is missed between. */
  start(): void {
    this.stream.start();
  }

  close(): void {
    for (const one of [this.devices, this.computes, this.migrations, this.stream]) one.close();
  }
}
