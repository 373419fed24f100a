import { buildDebianImage } from '../lab/programs/buildDebianImage.ts';
import { buildPagesImage } from '../lab/programs/buildPagesImage.ts';
import { NGINX, REDIS, redisLoad, type Service } from '../lab/programs/services.ts';

/** Links between devices, megabits a second in each direction; null is unshaped. */
export const LINKS = { unshaped: null, '1gbit': 1_000, '100mbit': 100 } as const;
export type LinkName = keyof typeof LINKS;
export const LINK_NAMES = Object.keys(LINKS) as LinkName[];

export const CONTENDERS = ['drayage', 'podman', 'docker', 'bare'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** What is watched beside the client's gap: each in runs of its own where the watching weighs on what is watched. */
export type Watched = 'memory' | 'work' | 'resident';

/** A program that is moved under load. Its image's command is the program. */
export interface Workload {
  name: string;
  /** Resolves with the path of a tar of its root file system. */
  buildImage: () => Promise<string>;
  /** Name of its processes in /proc/PID/comm. */
  program: string;
  command: string[];
  port: number;
  /** What it speaks there: name of a service that the load client knows (client/services.ts). */
  speaks: string;
  /** A command for the client host that loads it too, of which nothing is measured. It must not end by itself. */
  background?: (host: string) => Promise<string[]>;
  contenders: readonly ContenderName[];
  links: readonly LinkName[];
  watched?: Watched;
}

const PAGES_PORT = 7000;
const FAST: readonly LinkName[] = ['unshaped', '1gbit'];

function pages(
  name: string,
  memory: { mb: number; dirtyMbPerSecond?: number; content?: 'random' | 'compressible' },
  rest: Pick<Workload, 'contenders' | 'links' | 'watched'>,
): Workload {
  const { mb, dirtyMbPerSecond = 0, content = 'random' } = memory;
  const command = ['/bin/pages', String(mb), String(dirtyMbPerSecond), content];
  const program = { buildImage: buildPagesImage, program: 'pages', port: PAGES_PORT, speaks: 'pages' };
  return { name, command, ...program, ...rest };
}

function debian(
  { image, command, port }: Service,
  rest: Pick<Workload, 'program' | 'speaks' | 'contenders' | 'links'> & {
    background?: (host: string) => string[];
  },
): Workload {
  const { background, ...facts } = rest;
  const buildImage = async () => (await buildDebianImage(image)).path;
  if (background === undefined) return { name: image.name, buildImage, command, port, ...facts };
  const inImage = async (host: string) => [
    'chroot',
    (await buildDebianImage(image)).root,
    ...background(host),
  ];
  return { name: image.name, buildImage, command, port, ...facts, background: inImage };
}

const ALL = { contenders: CONTENDERS, links: LINK_NAMES };
const PEERS = { contenders: ['drayage', 'podman', 'docker'] as const, links: LINK_NAMES };
const ALONE = { contenders: ['drayage'] as const, links: FAST };

/** All of them, in the order in which they are run. `bare` is measured for idle alone: it is a floor, not a move. */
export const WORKLOADS: readonly Workload[] = [
  pages('idle', { mb: 2 }, ALL),
  pages('256mb', { mb: 256, dirtyMbPerSecond: 8 }, PEERS),
  pages('1gb', { mb: 1_024, dirtyMbPerSecond: 20 }, PEERS),
  debian(REDIS, { program: 'redis-server', speaks: 'redis', background: redisLoad, ...PEERS }),
  debian(NGINX, { program: 'nginx', speaks: 'http', ...PEERS }),
  pages('compressible', { mb: 256, content: 'compressible' }, { ...ALONE, watched: 'resident' }),
  pages('random', { mb: 256 }, { ...ALONE, watched: 'resident' }),
  pages('linkTime', { mb: 512 }, { ...ALONE, links: ['1gbit'] }),
  pages('work', { mb: 1_024, dirtyMbPerSecond: 20 }, { ...ALONE, watched: 'work' }),
  pages('memory', { mb: 1_024, dirtyMbPerSecond: 20 }, { ...ALONE, watched: 'memory' }),
];
