import { randomBytes } from 'node:crypto';
import { type IdKind, newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import type { ApiConfig } from './config.ts';
import type { Authority, Identity } from './pki/authority.ts';
import type { Workflows } from './workflows.ts';

/** What the routes work with. */
export interface ApiContext {
  config: ApiConfig;
  db: Database;
  authority: Authority;
  /** The control plane's own certificate: server of the device API, client of the devices' links. */
  identity: Identity;
  workflows: Workflows;
}

/** A new id from the system's random numbers. */
export function freshId(kind: IdKind): string {
  return newId(kind, randomBytes);
}
