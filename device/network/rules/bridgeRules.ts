import { elements, replaceTable } from './nftText.ts';
import { GATEWAY_PORT, type RulesInput } from './types.ts';

/**
 * The rules of the device's bridge, as a script of nft. A compute sends from its own addresses only, and to: the gateway,
 * computes of its tenant, hosts beside the devices, and devices' addresses (where the rules of `hostRules` are next).
 * Everything is looked up in sets: what a frame costs does not grow with what there is. They hold for a compute from the
 * moment that its interface is there, before any of its frames.
 */
export function bridgeRules({ network, bound, control }: RulesInput): string {
  const { range, gateway, computes, devices } = network;
  const mine = bound.map(({ veth, ip }) => `"${veth}" . ${ip}`);
  const whole = bound.map(({ veth, ip, mac }) => `"${veth}" . ${mac} . ${ip}`);
  // A control plane on a device is that device's to keep.
  const barred = control.filter((ip) => !devices.includes(ip));
  const body = `
  set bound { typeof iifname . ether saddr . ip saddr;${elements(whole)} }
  set own { typeof iifname . ip saddr;${elements(mine)} }
  set computes { type ipv4_addr; flags interval; elements = { ${range.first}-${range.last} }; }
  set barred { type ipv4_addr;${elements(barred)} }
  map tenant { type ipv4_addr : mark;${elements(computes.map(({ ip, tenant }) => `${ip} : ${String(tenant)}`))} }
  set member { type ipv4_addr . mark;${elements(computes.map(({ ip, tenant }) => `${ip} . ${String(tenant)}`))} }

  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
    iifname "dv*" jump leaves
  }
  chain leaves {
    ether type arp goto arp_leaves
    ether type != ip drop
    iifname . ether saddr . ip saddr != @bound drop
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 drop
    ip daddr @barred drop
    udp dport 5353 drop
    ip daddr @computes goto same_tenant
  }
  chain arp_leaves {
    iifname . ether saddr . arp saddr ip != @bound drop
    iifname . arp saddr ether . arp saddr ip != @bound drop
    iifname . arp daddr ip @own accept
    arp daddr ip @barred drop
    arp daddr ip @computes goto arp_same_tenant
  }
  chain same_tenant {
    meta mark set ip saddr map @tenant
    ip daddr . meta mark @member meta mark set 0 return
    drop
  }
  chain arp_same_tenant {
    meta mark set arp saddr ip map @tenant
    arp daddr ip . meta mark @member meta mark set 0 return
    drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
${gatewayForward(gateway)}    oifname "dv*" jump arrives
  }
  chain output {
    type filter hook output priority filter; policy accept;
${gateway ? `    oifname "${GATEWAY_PORT}" drop\n` : ''}    oifname "dv*" jump arrives
  }
  chain arrives {
    ether type arp goto arp_arrives
    ether type != ip drop
    oifname . ip daddr != @own drop
    udp sport 5353 drop
    ip saddr @computes goto same_tenant
  }
  chain arp_arrives {
    arp saddr ip @computes oifname . arp daddr ip != @own drop
    arp saddr ip @computes goto arp_same_tenant
  }
${gateway ? `  chain input {\n    type filter hook input priority filter; policy accept;\n    arp daddr ip ${gateway.ip} drop\n  }\n` : ''}`;
  return replaceTable('bridge', body);
}

/** Frames of the gateway stay between it and the computes of this device: its addresses are on every other device too. */
function gatewayForward(gateway: RulesInput['network']['gateway']): string {
  if (gateway === null) return '';
  const { ip, mac } = gateway;
  return [
    `iifname "${GATEWAY_PORT}" oifname != "dv*" drop`,
    `oifname "${GATEWAY_PORT}" iifname != "dv*" drop`,
    `oifname "${GATEWAY_PORT}" ether type arp arp daddr ip != ${ip} drop`,
    `oifname != "${GATEWAY_PORT}" arp daddr ip ${ip} drop`,
    `oifname != "${GATEWAY_PORT}" ether daddr ${mac} drop`,
    `iifname != "${GATEWAY_PORT}" ether saddr ${mac} drop`,
    `iifname != "${GATEWAY_PORT}" arp saddr ip ${ip} drop`,
  ]
    .map((line) => `    ${line}\n`)
    .join('');
}
