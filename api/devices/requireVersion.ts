import { DrayageError } from '../../core/cause.ts';
import { decideVersion } from '../../core/decideVersion.ts';
import { version } from '../version.ts';

/** Lets in what understands this control plane. @throws DrayageError versionsApart */
export function requireVersion(ofDevice: string): void {
  const { cause } = decideVersion({ who: 'control plane', version }, { who: 'device', version: ofDevice });
  if (cause) throw new DrayageError(cause);
}
