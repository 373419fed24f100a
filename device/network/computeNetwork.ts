import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { DrayageError } from '../../core/cause.ts';
import type { Address, ComputeSpec } from '../../core/compute.ts';
import { exists } from '../exists.ts';
import type { Leases } from '../lease/leases.ts';
import type { DeviceRules } from './deviceRules.ts';
import { FlowSteering } from './flows/flowSteering.ts';
import { vethName } from './vethName.ts';

const run = promisify(execFile);

/** The link-local address on the device side of an arriving compute's veth: a source for the frames that spend and kick. */
const LOCAL_ADDRESS = '169.254.77.1/32';

/**
 * A compute's network on one device: a veth pair of ours between the sandbox and the device's bridge. The gate is the
 * membership in the bridge: nothing but this class puts the veth there, and nothing survives a reboot.
 */
export class ComputeNetwork {
  readonly #bridge: string;
  readonly #rules: Pick<DeviceRules, 'bind' | 'unbind'>;
  readonly #leases: Pick<Leases, 'fence' | 'unfence'>;
  /** Connections to the outside that a moved compute has left on other devices. */
  readonly flows: FlowSteering;

  constructor(
    bridge: string,
    rules: Pick<DeviceRules, 'bind' | 'unbind'>,
    leases: Pick<Leases, 'fence' | 'unfence'>,
  ) {
    this.#bridge = bridge;
    this.#rules = rules;
    this.#leases = leases;
    this.flows = new FlowSteering(bridge);
  }

  /** Makes the veth pair and addresses, gate shut, with the rules of what it may reach. Asked again, it completes what is missing. */
  async prepare(spec: Pick<ComputeSpec, 'id' | 'address' | 'protection'>, sandboxPid: number): Promise<void> {
    const veth = vethName(spec.id);
    await this.#rules.bind(spec);
    await this.#leases.fence(spec);
    await this.flows.forget(spec.address.ip);
    if (await this.#belongsToAnother(veth, sandboxPid)) await ip(['link', 'del', veth]);
    if (!(await vethExists(veth)))
      await ip(['link', 'add', veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(sandboxPid)]);
    await inSandbox(sandboxPid, sandboxScript(spec.address));
    // Without IPv6 the interface says nothing by itself, so that no frame spends the one token of a shut queue.
    await run('sysctl', ['-qw', `net.ipv6.conf.${veth}.disable_ipv6=1`]);
    await ip(['link', 'set', veth, 'up']);
  }

  /** Opens the gate: the compute can be reached from here on, and its neighbours are told where it is. */
  async open(spec: Pick<ComputeSpec, 'id' | 'address'>, sandboxPid: number): Promise<void> {
    await ip(['link', 'set', vethName(spec.id), 'master', this.#bridge]);
    await inSandbox(sandboxPid, `ip link set dev eth0 address ${spec.address.mac}`);
  }

  /** Shuts the gate. Nothing there is no error. */
  async shut(computeId: string): Promise<void> {
    if (await this.isOpen(computeId)) await ip(['link', 'set', vethName(computeId), 'nomaster']);
  }

  /** Whether the compute's veth is in the bridge. */
  async isOpen(computeId: string): Promise<boolean> {
    return exists(`/sys/class/net/${vethName(computeId)}/brport`);
  }

  /** Removes the veth pair; from here no frame of the compute can leave this device. */
  async remove(computeId: string): Promise<void> {
    if (await vethExists(vethName(computeId))) await ip(['link', 'del', vethName(computeId)]);
    this.#rules.unbind(computeId);
    await this.#leases.unfence(computeId);
  }

  /** Gives the device side its address for the frames of an arrival, see HotTarget. */
  async prepareArrival(computeId: string): Promise<void> {
    const veth = vethName(computeId);
    await run('sysctl', ['-qw', `net.ipv4.conf.${veth}.arp_notify=1`]);
    await ip(['addr', 'replace', LOCAL_ADDRESS, 'dev', veth]);
  }

  /** Takes an arrival's queues away, with what is in them. */
  async clearQueues(computeId: string, sandboxPid: number): Promise<void> {
    // A queue that is not there is what is wanted.
    await run('tc', ['qdisc', 'del', 'dev', vethName(computeId), 'root']).catch(() => undefined);
    await inSandbox(sandboxPid, 'tc qdisc del dev eth0 root 2>/dev/null || true');
  }

  /** Takes the arrival's address away again. */
  async finishArrival(computeId: string): Promise<void> {
    if (await vethExists(vethName(computeId))) await ip(['addr', 'flush', 'dev', vethName(computeId)]);
  }

  get bridge(): string {
    return this.#bridge;
  }

  /** A veth left by an earlier sandbox of the same compute (its peer is not in this sandbox). */
  async #belongsToAnother(veth: string, sandboxPid: number): Promise<boolean> {
    if (!(await vethExists(veth))) return false;
    const peer = (await readFile(`/sys/class/net/${veth}/iflink`, 'utf8')).trim();
    const inside = await inSandbox(sandboxPid, 'ip -o link show eth0 2>/dev/null || true');
    return !inside.startsWith(`${peer}:`);
  }
}

function sandboxScript(address: Address): string {
  const gateway = address.gateway ? `ip route replace default via ${address.gateway} dev eth0` : 'true';
  return [
    'set -e',
    'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.eth0.disable_ipv6=1',
    'sysctl -qw net.ipv4.conf.eth0.arp_notify=1',
    'ip link set lo up',
    `ip link set dev eth0 address ${address.mac}`,
    `ip addr replace ${address.ip}/${address.prefix} brd + dev eth0`,
    'ip link set dev eth0 up',
    gateway,
  ].join('\n');
}

function vethExists(veth: string): Promise<boolean> {
  return exists(`/sys/class/net/${veth}`);
}

async function ip(args: string[]): Promise<string> {
  return command('ip', args);
}

async function inSandbox(pid: number, script: string): Promise<string> {
  return command('nsenter', [`--net=/proc/${pid}/ns/net`, 'sh', '-c', script]);
}

async function command(file: string, args: string[]): Promise<string> {
  try {
    return (await run(file, args)).stdout;
  } catch (error) {
    throw new DrayageError(
      {
        code: 'networkCommandFailed',
        message: `The compute's network could not be set up: ${(error as { stderr?: string }).stderr?.trim() ?? String(error)}.`,
        mend: 'Check that iproute2 is installed and that the bridge named in DRAYAGE_BRIDGE exists.',
      },
      { cause: error, retryable: true },
    );
  }
}
