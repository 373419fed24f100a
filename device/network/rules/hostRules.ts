import { elements, replaceTable } from './nftText.ts';
import { GATEWAY_CARD, type RulesInput } from './types.ts';

/**
 * The rules of the device itself, as a script of nft: the way to the outside for computes, ports that are published, and
 * that a compute reaches nothing else of the device, nor anything through it that is a device's or the control plane's.
 */
export function hostRules({ bridge, network, control, kept }: RulesInput): string {
  const { range, devices, ports } = network;
  const published = ports.map(
    ({ protocol, host, ip, compute }) => `${protocol} . ${String(host)} : ${ip} . ${String(compute)}`,
  );
  const hosts = ports.map(({ protocol, host }) => `${protocol} . ${String(host)}`);
  const body = `
  set computes { type ipv4_addr; flags interval; elements = { ${range.first}-${range.last} }; }
  set barred { type ipv4_addr;${elements([...control, ...devices])} }
  set kept { type inet_service;${elements(kept.map(String))} }
  map published { type inet_proto . inet_service : ipv4_addr . inet_service;${elements(published)} }
  set hosts { type inet_proto . inet_service;${elements(hosts)} }

  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport @kept accept
    fib daddr type local dnat ip to meta l4proto . th dport map @published
  }
  # Answers come back the way that the question took; the device is the client that the compute sees.
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip daddr @computes masquerade
    ip saddr @computes ip daddr != @computes masquerade
  }

  chain input {
    type filter hook input priority filter; policy accept;
    ct state invalid meta l4proto . th dport @hosts drop
    ip saddr @computes jump from_compute
  }
  chain from_compute {
    ct state established,related accept
    iifname "${GATEWAY_CARD}" icmp type echo-request accept
    drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    ip saddr @computes goto leaves
    iifname "${bridge}" oifname "${bridge}" ct state new ct status & dnat == 0 drop
  }
  chain leaves {
    ct state invalid drop
    ct state established,related accept
    ct status dnat ip daddr @computes accept
    ct status dnat drop
    iifname != "${GATEWAY_CARD}" drop
    ip daddr @barred drop
    ip daddr @computes drop
    oifname "docker*" drop
    oifname "br-*" oifname != "${bridge}" drop
  }
`;
  return replaceTable('ip', body);
}
