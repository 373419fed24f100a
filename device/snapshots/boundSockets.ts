import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Sockets of a compute that are bound to its own address, such as `tcp 10.77.1.2:80`: those that a restore binds again, which
 * are listening ones, and all of UDP. `pid` is its first process on this device.
 */
export async function boundSockets(pid: number, ip: string): Promise<string[]> {
  const { stdout } = await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ss', '-Hntua']);
  return parseSockets(stdout, ip);
}

/** From what `ss -Hntua` prints: kind, state, two queues, own address, the other's. */
export function parseSockets(text: string, ip: string): string[] {
  const found = text.split('\n').flatMap((line) => {
    const [kind = '', state = '', , , own = ''] = line.trim().split(/\s+/);
    const kept = kind === 'udp' || state === 'LISTEN';
    return kept && own.startsWith(`${ip}:`) ? [`${kind} ${own}`] : [];
  });
  return [...new Set(found)];
}
