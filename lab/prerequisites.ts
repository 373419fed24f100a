import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';
import type { GuestArchitecture } from './guest/architecture.ts';

/** Root of this checkout. */
export const CHECKOUT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** What `scripts/run.sh` has to see to for guests, and the variable in which it says what they boot from. */
const GUEST_NEEDS: Record<GuestArchitecture, { need: string; variable: string }> = {
  x64: { need: 'vm', variable: 'DRAYAGE_VM_X64' },
  arm64: { need: 'vm-arm64', variable: 'DRAYAGE_VM_ARM64' },
};

/**
 * Where the devices' file systems are, by `scripts/run.sh`, which installs and builds what is missing: the root file
 * system, or the folder that guests boot from and their disk of npm packages. Its words go to this process's stderr.
 * Throws a DrayageError `setupFailed`.
 */
export async function findFileSystems(
  guests: GuestArchitecture | null,
): Promise<{ rootfs: string; packagesDisk: string | null }> {
  if (guests === null) return { rootfs: await askRunScript('lab', 'DRAYAGE_LAB_ROOTFS'), packagesDisk: null };
  const { need, variable } = GUEST_NEEDS[guests];
  const rootfs = await askRunScript(need, variable);
  return { rootfs, packagesDisk: await askRunScript(need, `${variable}_PACKAGES`) };
}

/** A variable that the script sets when it has seen to a need. */
async function askRunScript(need: string, variable: string): Promise<string> {
  const known = process.env[variable];
  if (known !== undefined) return known;
  const script = `${CHECKOUT}/scripts/run.sh`;
  const child = spawn('sh', [script, need, '--', 'printenv', variable], {
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
