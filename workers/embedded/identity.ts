import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const SYSTEM_USER = 'postgres';

/** As whom PostgreSQL runs: it refuses to run as root. */
export interface Identity {
  isRoot: boolean;
  uid: number;
  gid: number;
  /** The command as that user. For root's, in an IPC namespace of its own, so that a kill leaves no shared memory. */
  as(file: string, args: string[]): { file: string; args: string[] };
}

/** This process's own user, or for root the system user `postgres`, which is made when there is none. */
export async function identity(): Promise<Identity> {
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  if (uid !== 0) return { isRoot: false, uid, gid, as: (file, args) => ({ file, args }) };
  const user = (await findUser()) ?? (await makeUser());
  const become = [
    '--ipc',
    '--',
    'setpriv',
    '--reuid',
    String(user.uid),
    '--regid',
    String(user.gid),
    '--clear-groups',
    '--pdeathsig',
    'QUIT',
    '--',
  ];
  return {
    isRoot: true,
    ...user,
    as: (file, args) => ({ file: 'unshare', args: [...become, file, ...args] }),
  };
}

async function findUser(): Promise<{ uid: number; gid: number } | null> {
  for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === SYSTEM_USER) return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

async function makeUser(): Promise<{ uid: number; gid: number }> {
  const options = [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
  ];
  await promisify(execFile)('useradd', [...options, SYSTEM_USER]);
  const user = await findUser();
  if (user === null) throw new Error(`useradd made no user ${SYSTEM_USER}`);
  return user;
}
