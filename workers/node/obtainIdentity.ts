import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import type { Inventory } from '../../core/device.ts';
import { readIdentity, type StoredIdentity, writeIdentity } from '../../device/control/identityStore.ts';
import { joinByApproval } from '../../device/control/joinByApproval.ts';
import { joinControlPlane } from '../../device/control/joinControlPlane.ts';
import { fingerprintOfKey, forgetWaitingKey } from '../../device/control/waitingKey.ts';
import type { NodeConfig } from './config.ts';

/** How long a control plane that is away is waited for before it is asked again, milliseconds. */
const AGAIN_MS = 1000;

/** As a logger of pino has it. */
interface Log {
  info(detail: object, message: string): void;
  warn(detail: object, message: string): void;
}

/**
 * The identity from an earlier join, or a new one: by the join token, and without one by the operator's approval. Waits
 * for a control plane that is away, and for the approval. Null when `signal` is aborted meanwhile.
 * @throws DrayageError when the token is refused; with `endWhenRefused` also when the operator says no or the clock is wrong
 */
export async function obtainIdentity(
  config: NodeConfig,
  inventory: () => Promise<Inventory>,
  log: Log,
  signal: AbortSignal,
  endWhenRefused = false,
): Promise<StoredIdentity | null> {
  const { stateDir, controlUrl, joinToken, name } = config;
  const known = await readIdentity(stateDir);
  if (known) return known;
  try {
    const identity =
      joinToken !== undefined && controlUrl !== undefined
        ? await joinByToken({ controlUrl, token: joinToken, name }, inventory, log, signal)
        : await joinByApproval({
            stateDir,
            name,
            controlUrl,
            inventory,
            signal,
            endWhenRefused,
            log: (message, detail) => log.info(detail, message),
          });
    await writeIdentity(stateDir, identity);
    await forgetWaitingKey(stateDir);
    const keyFingerprint = fingerprintOfKey(identity.key);
    log.info({ device: identity.deviceId, keyFingerprint }, 'joined');
    return identity;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

async function joinByToken(
  join: { controlUrl: string; token: string; name: string },
  inventory: () => Promise<Inventory>,
  log: Log,
  signal: AbortSignal,
): Promise<StoredIdentity> {
  for (;;) {
    try {
      return await joinControlPlane({ ...join, inventory: await inventory() });
    } catch (error) {
      if (!(error as { retryable?: boolean }).retryable) throw error;
      log.warn({ error: String(error) }, 'the control plane is away');
      await pause(AGAIN_MS, undefined, { signal });
    }
  }
}

/** Where this device's control plane is: what the environment says, or where it was found. @throws DrayageError */
export function controlUrlOf(config: NodeConfig, identity: StoredIdentity): string {
  const url = config.controlUrl ?? identity.controlUrl;
  if (url !== undefined) return url;
  throw new DrayageError({
    code: 'badEnvironment',
    message: 'This device has joined, but it is not said where its control plane is.',
    mend: 'Set DRAYAGE_CONTROL_URL to what it was when the device joined.',
  });
}
