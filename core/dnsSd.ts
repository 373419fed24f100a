import { z } from 'zod';

/** What DNS-SD (RFC 6763) says by multicast DNS (RFC 6762) of one service; pure: packets are somebody else's. */

/** Seconds for which others may remember: RFC 6762 section 10, for what names a host, and for the rest. */
const HOST_TTL = 120;
const OTHER_TTL = 4500;
const ALL_TYPES = '_services._dns-sd._udp.local';

export interface ServiceOnCard {
  /** `_drayage._tcp`. */
  type: string;
  /** Tells this announcer from every other one on the network; letters, digits and hyphens. */
  instance: string;
  /** IPv4 address under which the service is reached on this network. */
  address: string;
  port: number;
  txt: Record<string, string>;
}

export type DnsRecord =
  | { name: string; type: 'PTR'; ttl: number; data: string }
  | { name: string; type: 'A'; ttl: number; flush: true; data: string }
  | { name: string; type: 'SRV'; ttl: number; flush: true; data: { port: number; target: string } }
  | { name: string; type: 'TXT'; ttl: number; flush: true; data: string[] };

export interface Question {
  name: string;
  type: string;
}

/** All records of a service; with `goodbye` they tell that it ends. */
export function serviceRecords(service: ServiceOnCard, goodbye = false): DnsRecord[] {
  const type = `${service.type}.local`;
  const name = `${service.instance}.${type}`;
  const target = `${service.instance}.local`;
  const txt = Object.entries(service.txt).map(([key, value]) => `${key}=${value}`);
  const ttl = (seconds: number) => (goodbye ? 0 : seconds);
  return [
    { name: type, type: 'PTR', ttl: ttl(OTHER_TTL), data: name },
    {
      name,
      type: 'SRV',
      ttl: ttl(HOST_TTL),
      flush: true,
      data: { port: service.port, target },
    },
    { name, type: 'TXT', ttl: ttl(OTHER_TTL), flush: true, data: txt },
    { name: target, type: 'A', ttl: ttl(HOST_TTL), flush: true, data: service.address },
  ];
}

/** What a query is answered with: all of the service at once, so that nobody needs to ask again. Null is silence. */
export function answerTo(
  questions: Question[],
  service: ServiceOnCard,
): { answers: DnsRecord[]; additionals: DnsRecord[] } | null {
  const records = serviceRecords(service);
  const asked = (record: DnsRecord) =>
    questions.some(
      ({ name, type }) => sameName(name, record.name) && (type === record.type || type === 'ANY'),
    );
  const answers = records.filter(asked);
  if (answers.length > 0) return { answers, additionals: records.filter((record) => !asked(record)) };
  const listed = { name: ALL_TYPES, type: 'PTR' as const, ttl: OTHER_TTL, data: `${service.type}.local` };
  return asked(listed) ? { answers: [listed], additionals: [] } : null;
}

/** Only these kinds are looked at; anything else in a packet is another program's. */
const recordSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('PTR'), name: z.string(), ttl: z.number(), data: z.string() }),
  z.object({ type: z.literal('A'), name: z.string(), ttl: z.number(), data: z.ipv4() }),
  z.object({
    type: z.literal('SRV'),
    name: z.string(),
    ttl: z.number(),
    data: z.object({ port: z.number().int().min(1).max(65_535), target: z.string() }),
  }),
  z.object({
    type: z.literal('TXT'),
    name: z.string(),
    ttl: z.number(),
    data: z.array(z.unknown()).transform((items) => items.map(String)),
  }),
]);

/** A service as it was heard of. */
export interface HeardService {
  instance: string;
  /** Of its host record; of the packet where there was none. */
  address: string;
  port: number;
  txt: Record<string, string>;
}

/** The services of a type that a response tells of whole; `from` is the address that it came from. Goodbyes are none. */
export function heardServices(records: unknown[], type: string, from: string): HeardService[] {
  const known = records.flatMap((record) => {
    const parsed = recordSchema.safeParse(record);
    return parsed.success && parsed.data.ttl > 0 ? [parsed.data] : [];
  });
  const suffix = `.${type}.local`;
  const services = new Map<string, HeardService>();
  for (const record of known) {
    if (record.type !== 'SRV' || !record.name.toLowerCase().endsWith(suffix.toLowerCase())) continue;
    const txt = known.find((other) => other.type === 'TXT' && sameName(other.name, record.name));
    const host = known.find((other) => other.type === 'A' && sameName(other.name, record.data.target));
    if (txt?.type !== 'TXT') continue;
    services.set(record.name.toLowerCase(), {
      instance: record.name.slice(0, -suffix.length),
      address: host?.type === 'A' ? host.data : from,
      port: record.data.port,
      txt: Object.fromEntries(txt.data.map(splitPair)),
    });
  }
  return [...services.values()];
}

function splitPair(item: string): [string, string] {
  const at = item.indexOf('=');
  return at < 0 ? [item.toLowerCase(), ''] : [item.slice(0, at).toLowerCase(), item.slice(at + 1)];
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
