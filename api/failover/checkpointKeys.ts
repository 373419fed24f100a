import { randomBytes } from 'node:crypto';
import type { ApiContext } from '../context.ts';
import { openText, sealText } from '../sealedText.ts';

type Keys = Pick<ApiContext, 'authority'>;

const KEY_BYTES = 32;
const about = (computeId: string) => `checkpoints of ${computeId}`;
const master = ({ authority }: Keys) => authority.secretFor('checkpoints');

/** A new key for the checkpoints of a compute, as it may lie in the database. */
export function newCheckpointKey(context: Keys, computeId: string): string {
  return sealText(master(context), about(computeId), randomBytes(KEY_BYTES).toString('hex'));
}

/** @throws DrayageError secretUnreadable */
export function openCheckpointKey(context: Keys, computeId: string, sealed: string): string {
  return openText(master(context), about(computeId), sealed);
}
