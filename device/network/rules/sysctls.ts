import { GATEWAY_CARD } from './types.ts';

/**
 * Settings of the kernel on which the rules stand, `name=value` for sysctl; one that the kernel does not have is passed over.
 * - Frames between bridge ports are the bridge rules' alone: else each would pass the connection tracking twice.
 * - A connection of which tracking has not seen the begin is no connection: else a moved compute's packets, on their way
 *   over a device that does not know them, would be taken for a new one under another address.
 * - What is out of a window is the ends' affair: a packet that tracking throws out of its connection is answered with a reset.
 * - Nobody is told of a shorter way to a compute: the answer would not come back the way of the question.
 */
export function sysctls(bridge: string): string[] {
  return [
    'net.ipv4.ip_forward=1',
    'net.bridge.bridge-nf-call-iptables=0',
    'net.bridge.bridge-nf-call-arptables=0',
    'net.netfilter.nf_conntrack_tcp_loose=0',
    'net.netfilter.nf_conntrack_tcp_be_liberal=1',
    'net.ipv4.conf.all.send_redirects=0',
    `net.ipv4.conf.${bridge}.send_redirects=0`,
  ];
}

/** Settings of the gateway's card. What comes in there is routed back over the bridge, which a strict check would refuse. */
export function gatewaySysctls(): string[] {
  return [
    `net.ipv6.conf.${GATEWAY_CARD}.disable_ipv6=1`,
    `net.ipv4.conf.${GATEWAY_CARD}.rp_filter=2`,
    `net.ipv4.conf.${GATEWAY_CARD}.send_redirects=0`,
  ];
}
