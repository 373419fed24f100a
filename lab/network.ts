import { renderFaults, type Faults } from './faults.ts';
import {
  canDelay,
  inNamespace,
  ip,
  listNamespaces,
  makeNamespace,
  namespaceIdentity,
  refuseDelay,
  removeNamespace,
  shape,
} from './machine/network.ts';
import { run } from './machine/run.ts';
import type { Lab } from './state.ts';
import { CLIENT_PORT, CONTROL_PORT, isNamespaceOf, macOf } from './topology.ts';

/** The switch, the client host beside the devices, and the control plane's card in the root namespace. */
export async function makeNetwork(lab: Lab): Promise<void> {
  const { switchNamespace, clientNamespace, controlInterface } = lab.names;
  await makeNamespace(switchNamespace);
  if (lab.settings.rttMs !== null && !(await canDelay(switchNamespace))) refuseDelay();
  await ip(switchNamespace, [
    'link add name bridge0 type bridge mcast_snooping 0',
    'link set dev bridge0 up',
  ]);

  await makeNamespace(clientNamespace);
  await plugIn(lab, CLIENT_PORT, { namespace: clientNamespace, card: 'eth0', ip: lab.addresses.client });
  await ip(clientNamespace, [
    `addr add ${lab.addresses.client}/${lab.addresses.prefix} dev eth0`,
    `addr add ${lab.addresses.outside}/32 dev lo`,
  ]);

  await plugIn(lab, CONTROL_PORT, { namespace: null, card: controlInterface, ip: lab.addresses.control });
  await ip(null, [`addr add ${lab.addresses.control}/${lab.addresses.prefix} dev ${controlInterface}`]);
  await applyFaults(lab, lab.faults);
}

/** A device's namespace: its card, in a bridge that has the device's address and will have the computes' cards. */
export async function makeDeviceNetwork(lab: Lab, device: string): Promise<void> {
  const namespace = lab.names.deviceNamespace(device);
  const address = lab.addresses.device(device);
  await makeNamespace(namespace);
  await plugIn(lab, device, { namespace, card: 'eth0', ip: address });
  await ip(namespace, [
    // An address of its own, or the bridge would take over the lowest of its members', and so change it.
    `link add name br0 address ${macOf(lab.subnet, address)} type bridge mcast_snooping 0`,
    'link set dev eth0 master br0',
    'link set dev br0 up',
    `addr add ${address}/${lab.addresses.prefix} dev br0`,
    `route add ${lab.addresses.outside}/32 via ${lab.addresses.client} dev br0`,
  ]);
  await shape(namespace, 'eth0', { mbit: lab.settings.linkMbit, delayMs: null });
}

/** A port of the switch for a guest's card, which QEMU is the other end of, new at each boot. */
export async function plugInGuest(lab: Lab, device: string): Promise<void> {
  const { switchNamespace } = lab.names;
  await run('ip', ['-n', switchNamespace, 'link', 'del', device], { allowFailure: true });
  await ip(switchNamespace, [
    `tuntap add dev ${device} mode tap`,
    `link set dev ${device} master bridge0`,
    `link set dev ${device} up`,
  ]);
  await shapePort(lab, device);
}

/** Takes a device off the network at once, as when its power goes: nothing answers for it any more. */
export async function removeDeviceNetwork(lab: Lab, device: string): Promise<void> {
  // The switch's end first: when the last reference to a namespace goes is the kernel's affair.
  await run('ip', ['-n', lab.names.switchNamespace, 'link', 'del', device], { allowFailure: true });
  await removeNamespace(lab.names.deviceNamespace(device));
}

/** Removes every network namespace of the lab, and with the switch the card in the root namespace. */
export async function removeNetwork(name: string): Promise<void> {
  const mine = await labNamespaces(name);
  for (const namespace of mine) {
    if (!namespace.endsWith('-switch')) continue;
    const { stdout } = await run('ip', ['-n', namespace, '-o', 'link', 'show', 'type', 'veth'], {
      allowFailure: true,
    });
    const ports = [...stdout.matchAll(/^\d+: ([^@:]+)[@:]/gm)].map((match) => match[1]!);
    for (const port of ports) await run('ip', ['-n', namespace, 'link', 'del', port], { allowFailure: true });
  }
  for (const namespace of mine) await removeNamespace(namespace);
}

export async function labNamespaces(name: string): Promise<string[]> {
  return (await listNamespaces()).filter((namespace) => isNamespaceOf(name, namespace));
}

/** The lab's network namespaces as /proc/PID/ns/net shows them. */
export async function labNetworkIdentities(name: string): Promise<Set<string>> {
  const found = await Promise.all((await labNamespaces(name)).map(namespaceIdentity));
  return new Set(found.filter((identity) => identity !== null));
}

/** Makes the switch drop what the faults say, from this moment, and nothing else. */
export async function applyFaults(lab: Lab, faults: Faults): Promise<void> {
  await inNamespace(lab.names.switchNamespace, 'nft', ['-f', '-'], renderFaults(faults));
}

async function plugIn(
  lab: Lab,
  port: string,
  end: { namespace: string | null; card: string; ip: string },
): Promise<void> {
  const { switchNamespace } = lab.names;
  const where = end.namespace === null ? '' : `netns ${end.namespace} `;
  await ip(null, [
    `link add name ${end.card} ${where}address ${macOf(lab.subnet, end.ip)} type veth peer name ${port} netns ${switchNamespace}`,
  ]);
  await ip(end.namespace, [`link set dev ${end.card} up`]);
  await ip(switchNamespace, [`link set dev ${port} master bridge0`, `link set dev ${port} up`]);
  await shapePort(lab, port);
}

async function shapePort(lab: Lab, port: string): Promise<void> {
  const isDevice = port !== CLIENT_PORT && port !== CONTROL_PORT;
  await shape(lab.names.switchNamespace, port, {
    mbit: isDevice ? lab.settings.linkMbit : null,
    // Each way between any two hosts passes one port of the switch outwards.
    delayMs: lab.settings.rttMs === null ? null : lab.settings.rttMs / 2,
  });
}
