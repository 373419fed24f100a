import { join } from 'node:path';
import type { Lab } from '../state.ts';
import { macOf } from '../topology.ts';
import { EMULATORS, type GuestArchitecture } from './architecture.ts';
import { codeDisk } from './codeDisk.ts';
import { sshPort } from './ssh.ts';

/** Memory of a guest, MiB. */
const MEMORY_MIB = 2048;
/** Yields to whatever else the machine does; an emulated processor takes all that it gets. */
const NICENESS = 10;

interface Guest {
  lab: Lab;
  device: string;
  architecture: GuestArchitecture;
  /** Who may sign in as root, a line of authorized_keys. */
  publicKey: string;
}

/**
 * The words that run a device as a guest of QEMU, by emulation alone (TCG): its first card is the switch's port of the
 * device's name, the second QEMU's user network, over which nothing but its sshd is reached. They become the guest
 * (exec); its console is written to the boot log.
 */
export function qemuCommand({ lab, device, architecture, publicKey }: Guest): [string, ...string[]] {
  const { program, machine, cpu } = EMULATORS[architecture];
  const image = (name: string) => join(lab.rootfs, name);
  return [
    ...(['nice', '-n', String(NICENESS), program, '-name', `${lab.name}-${device}`] as const),
    ...[...machine, '-accel', 'tcg', '-cpu', cpu, '-smp', '1', '-m', String(MEMORY_MIB)],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', `file:${lab.paths.bootLog(device)}`],
    ...['-kernel', image('vmlinuz'), '-initrd', image('initrd.img')],
    ...['-append', kernelOptions(device, EMULATORS[architecture].console, publicKey)],
    ...disk(lab.paths.disk(device), 'cache=unsafe'),
    ...disk(codeDisk(lab), 'readonly=on'),
    ...disk(lab.packagesDisk ?? '', 'readonly=on'),
    ...card(
      'switch',
      `tap,ifname=${device},script=no,downscript=no`,
      macOf(lab.subnet, lab.addresses.device(device)),
    ),
    ...card(
      'host',
      `user,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort(device)}-10.0.2.15:22`,
      '52:54:00:12:34:56',
    ),
    ...['-device', 'virtio-rng-pci'],
  ];
}

function kernelOptions(device: string, console: string, publicKey: string): string {
  // systemd's own way to let someone in: tmpfiles.d/provision.conf writes the credential to root's authorized_keys.
  const credential = Buffer.from(`${publicKey}\n`).toString('base64');
  return [
    `root=/dev/vda rw console=${console} net.ifnames=0 systemd.show_status=1 systemd.log_color=0`,
    // Against processors that there are not; switching page tables at every call doubles the cost of emulation.
    'mitigations=off nokaslr no_timer_check apparmor=0',
    // Of x64: the other clocks are devices, which every look at the time has to be emulated for.
    'tsc=reliable clocksource=tsc',
    // However long the emulation takes, or is stopped for.
    'systemd.default_timeout_start_sec=1h systemd.default_device_timeout_sec=1h systemd.service_watchdogs=no',
    `systemd.hostname=${device} systemd.set_credential_binary=ssh.authorized_keys.root:${credential}`,
  ].join(' ');
}

function disk(file: string, options: string): string[] {
  return ['-drive', `file=${file},format=raw,if=virtio,${options}`];
}

function card(id: string, backend: string, mac: string): string[] {
  return [
    '-netdev',
    backend.replace(',', `,id=${id},`),
    '-device',
    `virtio-net-pci,netdev=${id},mac=${mac},romfile=`,
  ];
}
