import type { Flow } from '../../../core/flow.ts';

/** States in which a connection of TCP has two ends that may still say something. */
const OPEN = /\b(ESTABLISHED|FIN_WAIT|CLOSE_WAIT|LAST_ACK)\b/;

/** Reads /proc/net/nf_conntrack: what the compute with this address has opened and was answered. */
export function parseTracked(text: string, ip: string): Omit<Flow, 'mac'>[] {
  return text.split('\n').flatMap((line) => {
    const protocol = /^ipv4 +\d+ (tcp|udp) /.exec(line)?.[1];
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    if (protocol === 'tcp' ? !OPEN.test(line) : line.includes('[UNREPLIED]')) return [];
    const [, source, daddr, sport, dport] =
      /\bsrc=([\d.]+) dst=([\d.]+) sport=(\d+) dport=(\d+)/.exec(line) ?? [];
    if (source !== ip || daddr === undefined) return [];
    return [{ protocol, sport: Number(sport), daddr, dport: Number(dport) }];
  });
}
