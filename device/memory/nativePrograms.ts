import { access, constants } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The helpers of device/native, built for this machine's architecture; see device/native/README.md. */
export interface NativePrograms {
  memorySource: string;
  memoryTarget: string;
  /** Preloaded into CRIU's dump. */
  criuHide: string;
  /** Read and write a tmpfs. */
  treeSource: string;
  treeTarget: string;
}

/** Null where they have not been built: memory is then copied as CRIU dumps it. */
export async function findNativePrograms(
  architecture: string = process.arch,
): Promise<NativePrograms | null> {
  const at = (name: string) =>
    fileURLToPath(new URL(`../native/bin/${architecture}/${name}`, import.meta.url));
  const programs = {
    memorySource: at('memory-source'),
    memoryTarget: at('memory-target'),
    criuHide: at('criu-hide.so'),
    treeSource: at('tree-source'),
    treeTarget: at('tree-target'),
  };
  try {
    await Promise.all([
      access(programs.memorySource, constants.X_OK),
      access(programs.memoryTarget, constants.X_OK),
      access(programs.criuHide, constants.R_OK),
      access(programs.treeSource, constants.X_OK),
      access(programs.treeTarget, constants.X_OK),
    ]);
  } catch {
    return null;
  }
  return programs;
}
