import { createServer, connect, type Server } from 'node:net';
import { once } from 'node:events';

/** A lock that ends with the process that holds it, however it ends. */
export interface ProcessLock {
  release(): Promise<void>;
}

/** Who holds a lock that could not be had. */
export interface LockHolder {
  pid: number;
}

/**
 * Takes the lock of that name on this machine (this network namespace), or says who holds it.
 * It is a listening socket in Linux's abstract namespace: taking it is atomic, and the kernel frees it at exit.
 */
export async function tryLock(name: string): Promise<ProcessLock | LockHolder> {
  for (;;) {
    const server = createServer((socket) => socket.end(String(process.pid)));
    server.unref();
    try {
      server.listen(`\0drayage/${name}`);
      await once(server, 'listening');
      return { release: () => close(server) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
    const holder = await askHolder(name);
    if (holder !== null) return holder;
  }
}

/** Takes the lock, waiting for whoever holds it. `onWait` is called once, before the wait. */
export async function waitForLock(
  name: string,
  onWait: (holder: LockHolder) => void = () => {},
): Promise<ProcessLock> {
  let told = false;
  for (;;) {
    const result = await tryLock(name);
    if ('release' in result) return result;
    if (!told) onWait(result);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Null when the holder went away meanwhile. */
async function askHolder(name: string): Promise<LockHolder | null> {
  const socket = connect(`\0drayage/${name}`);
  try {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    const pid = Number(text);
    return pid > 0 ? { pid } : null;
  } catch {
    return null;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
