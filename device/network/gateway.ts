import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { NetworkRules } from '../../core/networkRules.ts';
import { gatewaySysctls } from './rules/sysctls.ts';
import { GATEWAY_CARD, GATEWAY_PORT } from './rules/types.ts';

const run = promisify(execFile);

/**
 * Has the computes' gateway on this device: a card with its addresses, whose other end is to be a port of the bridge. It
 * gets there with `plugGateway`, once the rules that keep its frames on this device stand. null takes it away.
 */
export async function makeGateway(gateway: NetworkRules['gateway']): Promise<void> {
  const mac = (await readFile(`/sys/class/net/${GATEWAY_CARD}/address`, 'utf8').catch(() => '')).trim();
  // Its MAC is made of its IP. What is right is left alone: there are connections through it.
  if (mac !== '' && mac !== gateway?.mac) await ip(['link', 'del', GATEWAY_CARD]);
  if (gateway === null) return;
  if (mac !== gateway.mac) {
    const card = ['link', 'add', GATEWAY_CARD, 'address', gateway.mac, 'type', 'veth'];
    await ip([...card, 'peer', 'name', GATEWAY_PORT]);
  }
  await run('sysctl', ['-eqw', `net.ipv6.conf.${GATEWAY_PORT}.disable_ipv6=1`, ...gatewaySysctls()]);
  // No network behind it: the way to the computes is the bridge.
  await ip(['addr', 'replace', `${gateway.ip}/32`, 'dev', GATEWAY_CARD]);
}

/** Lets the computes reach the gateway. */
export async function plugGateway(bridge: string): Promise<void> {
  await ip(['link', 'set', GATEWAY_PORT, 'master', bridge, 'up']);
  await ip(['link', 'set', GATEWAY_CARD, 'up']);
}

async function ip(args: string[]): Promise<void> {
  await run('ip', args);
}
