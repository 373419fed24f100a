import { readdir, stat } from 'node:fs/promises';
import { DrayageError } from '../../core/cause.ts';
import { run } from './run.ts';

const NAMESPACES = '/run/netns';

export function namespacePath(name: string): string {
  return `${NAMESPACES}/${name}`;
}

/** Names of this machine's network namespaces. */
export async function listNamespaces(): Promise<string[]> {
  return readdir(NAMESPACES).catch(() => []);
}

/** A namespace as /proc/PID/ns/net shows it; null when there is none. */
export async function namespaceIdentity(name: string): Promise<string | null> {
  const found = await stat(namespacePath(name)).catch(() => null);
  return found === null ? null : `net:[${found.ino}]`;
}

/** Makes a network namespace with nothing in it but the loopback: no IPv6, and bridges that pass frames unfiltered. */
export async function makeNamespace(name: string): Promise<void> {
  await run('ip', ['netns', 'add', name]);
  await ip(name, ['link set lo up']);
  await inNamespace(name, 'sh', [
    '-c',
    // Where br_netfilter is built in, a new namespace has it on; on a device it is off until someone asks for it.
    `for f in /proc/sys/net/bridge/bridge-nf-call-*tables; do [ ! -e "$f" ] || echo 0 > "$f"; done
     for f in all default; do f=/proc/sys/net/ipv6/conf/$f/disable_ipv6; [ ! -e "$f" ] || echo 1 > "$f"; done`,
  ]);
}

/** Removes a namespace; none of that name is no error. Its processes must have ended. */
export async function removeNamespace(name: string): Promise<void> {
  if ((await namespaceIdentity(name)) === null) return;
  const { code } = await run('ip', ['netns', 'del', name], { allowFailure: true });
  // A crash of `ip netns add` leaves a plain file that was never mounted on.
  if (code !== 0) await run('rm', ['-f', namespacePath(name)]);
}

/** Runs lines of `ip -batch` in a namespace, or in this process's own for null. Stops at the first that fails. */
export async function ip(namespace: string | null, lines: string[]): Promise<void> {
  const where = namespace === null ? [] : ['-n', namespace];
  await run('ip', [...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** `nsenter --net`, not `ip netns exec`: that one hides the cgroup mounts. */
export async function inNamespace(namespace: string, command: string, args: string[], input?: string) {
  return run('nsenter', [`--net=${namespacePath(namespace)}`, '--', command, ...args], { input });
}

/** IPv4 networks that this machine has addresses in or routes to, as `10.77.0.0/16`. */
export async function networksInUse(): Promise<string[]> {
  const routes = JSON.parse(
    (await run('ip', ['-j', '-4', 'route', 'show', 'table', 'all'])).stdout || '[]',
  ) as {
    dst: string;
  }[];
  const plain = /^[0-9.]+(\/[0-9]+)?$/;
  // Broadcast and loopback entries of the local table are within networks that are listed anyway.
  return routes.map((route) => route.dst).filter((dst) => plain.test(dst));
}

/** Whether this kernel can delay packets. Found by doing it. */
export async function canDelay(namespace: string): Promise<boolean> {
  const added = await run(
    'tc',
    ['-n', namespace, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'],
    {
      allowFailure: true,
    },
  );
  if (added.code === 0) await run('tc', ['-n', namespace, 'qdisc', 'del', 'dev', 'lo', 'root']);
  return added.code === 0;
}

/**
 * Limits what leaves through a card to `mbit` megabits a second, and delays it by `delayMs`; null leaves that out.
 */
export async function shape(
  namespace: string,
  card: string,
  limits: { mbit: number | null; delayMs: number | null },
): Promise<void> {
  let parent = ['root'];
  const add = (words: string[]) =>
    run('tc', ['-n', namespace, 'qdisc', 'add', 'dev', card, ...parent, ...words]);
  if (limits.delayMs !== null) {
    await add(['handle', '1:', 'netem', 'delay', `${limits.delayMs}ms`, 'limit', '100000']);
    parent = ['parent', '1:1'];
  }
  if (limits.mbit !== null) {
    // Two milliseconds' worth (a timer tick is up to 4 ms where HZ is 250, so never below 64 KiB) and a queue of 50 ms.
    const burst = Math.max(64 * 1024, Math.round((limits.mbit * 1e6 * 0.002) / 8));
    await add([
      'handle',
      '2:',
      'tbf',
      'rate',
      `${limits.mbit}mbit`,
      'burst',
      String(burst),
      'latency',
      '50ms',
    ]);
  }
}

/** Throws the refusal of a lab that was asked for a delay on a kernel that has none. */
export function refuseDelay(): never {
  throw new DrayageError({
    code: 'noNetem',
    message: 'This kernel cannot delay packets (it has no netem), so --rtt-ms cannot be had.',
    mend: 'Leave --rtt-ms out, or load the module (modprobe sch_netem) on a kernel that has it.',
  });
}
