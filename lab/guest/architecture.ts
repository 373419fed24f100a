import { z } from 'zod';

/** Processors that a lab's guests can have. */
export const guestArchitectureSchema = z.enum(['x64', 'arm64']);
export type GuestArchitecture = z.infer<typeof guestArchitectureSchema>;

/**
 * How QEMU is called for an architecture, and what the guest calls its console. The processors are plain ones: wide
 * vectors cost more in emulation than they save.
 */
export const EMULATORS: Record<
  GuestArchitecture,
  { program: string; machine: string[]; cpu: string; console: string }
> = {
  x64: {
    program: 'qemu-system-x86_64',
    machine: ['-machine', 'q35,hpet=off'],
    cpu: 'Nehalem',
    console: 'ttyS0',
  },
  arm64: {
    program: 'qemu-system-aarch64',
    machine: ['-machine', 'virt'],
    cpu: 'cortex-a72',
    console: 'ttyAMA0',
  },
};
