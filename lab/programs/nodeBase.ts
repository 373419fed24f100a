import type { DebianImage } from './buildDebianImage.ts';

/** What Node's program needs of a system: the base of an image that was made without a registry. */
export const NODE_BASE: DebianImage = {
  name: 'node-base',
  packages: ['libstdc++6', 'libatomic1', 'ca-certificates'],
  files: { 'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n', 'etc/group': 'root:x:0:\n' },
};

/** Compose, as Debian has it: a plug-in of Docker's command line. */
export const COMPOSE: DebianImage = { name: 'compose', packages: ['docker-compose'], files: {} };
