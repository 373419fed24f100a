import type { Complain } from '../../lab/demo/client/conversation.ts';
import { REDIS_KEYS, REDIS_VALUE_BYTES } from '../../lab/programs/services.ts';
import { HttpTalk } from './talks/httpTalk.ts';
import { PagesTalk } from './talks/pagesTalk.ts';
import { RedisTalk } from './talks/redisTalk.ts';
import type { Talk } from './talks/talk.ts';

/** What the load knows of a service that it talks to. */
export interface ServiceKind {
  /** What is said on one connection; `name` is another one for each. */
  talk: (host: string, name: string, complain: Complain) => Talk;
  /** A command that makes it ready, and its answer; null for none. */
  fill: { command: string; answer: string } | null;
}

const SERVICES: Record<string, ServiceKind> = {
  pages: { talk: (_host, _name, complain) => new PagesTalk(complain), fill: null },
  redis: {
    talk: (_host, name, complain) => new RedisTalk(name, complain),
    fill: { command: `DEBUG POPULATE ${REDIS_KEYS} key ${REDIS_VALUE_BYTES}`, answer: '+OK' },
  },
  http: { talk: (host, _name, complain) => new HttpTalk(host, complain), fill: null },
};

/** @throws Error for a name that it does not know */
export function serviceKind(name: string): ServiceKind {
  const kind = SERVICES[name];
  if (kind === undefined) throw new Error(`no such service: ${name}`);
  return kind;
}
