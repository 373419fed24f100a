import type { Runtime } from '../../core/appManifest.ts';
import type { DebianImage } from './buildDebianImage.ts';

/** No package brings the accounts: those would be made when packages are configured. */
const ACCOUNTS = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
};

/** What applications of each runtime are built on in a lab, which reaches no registry: Debian's own packages. */
export const RUNTIME_BASES: Record<Runtime, DebianImage> = {
  node: { name: 'runtime-node', packages: ['nodejs'], files: ACCOUNTS },
  python: { name: 'runtime-python', packages: ['python3-minimal', 'libpython3-stdlib'], files: ACCOUNTS },
};
