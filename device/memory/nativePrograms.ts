import { access, constants } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The helpers of device/native, built for this machine's architecture; null: not there. See device/native/README.md. */
export interface NativePrograms {
  /** Without it a thread of the worker scans the memory. */
  memorySource: string | null;
  /** Without it this device can receive memory only as CRIU dumps it. */
  memoryTarget: string | null;
  /** Preloaded into CRIU's dump; without it the dump holds all memory, and no compute of this device is restored lazily. */
  criuHide: string | null;
  /** A directory that stands first in CRIU's PATH: cheaper forms of what it runs. Without it the system's are run. */
  tools: string | null;
}

/** Looked for anew each time: they may be built, or taken away, while the worker runs. */
export async function findNativePrograms(architecture: string = process.arch): Promise<NativePrograms> {
  const find = async (name: string, mode: number) => {
    const path = fileURLToPath(new URL(`../native/bin/${architecture}/${name}`, import.meta.url));
    return access(path, mode).then(
      () => path,
      () => null,
    );
  };
  const [memorySource, memoryTarget, criuHide, tools] = await Promise.all([
    find('memory-source', constants.X_OK),
    find('memory-target', constants.X_OK),
    find('criu-hide.so', constants.R_OK),
    find('tools', constants.X_OK),
  ]);
  return { memorySource, memoryTarget, criuHide, tools };
}
