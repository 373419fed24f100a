import { join } from 'node:path';
import type { ForeignTarget } from '../programs/buildProgramImage.ts';
import type { Lab } from '../state.ts';

/** How programs are built for a lab's devices where these have another processor than this machine; else undefined. */
export function foreignTarget({ settings, rootfs }: Lab): ForeignTarget | undefined {
  const { guests } = settings;
  if (guests === null || guests === process.arch) return undefined;
  const compiler = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' }[guests];
  return { compiler, busybox: join(rootfs, 'busybox') };
}
