import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';

/** Root of this checkout. */
export const CHECKOUT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/**
 * Path of the devices' root file system, from `scripts/run.sh`, which installs and builds what is missing.
 * Its words go to this process's stderr.
 */
export async function findRootfs(): Promise<string> {
  const known = process.env['DRAYAGE_LAB_ROOTFS'];
  if (known !== undefined) return known;
  const script = `${CHECKOUT}/scripts/run.sh`;
  const child = spawn('sh', [script, 'lab', '--', 'printenv', 'DRAYAGE_LAB_ROOTFS'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let path = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (path += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return path.trim();
  throw new DrayageError({
    code: 'setupFailed',
    message: 'What the lab needs could not be set up.',
    mend: 'The lines above say what is missing.',
  });
}
