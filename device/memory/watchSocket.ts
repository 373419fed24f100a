import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';

/** Where memory-watch (device/native) listens for the next move of a compute that has come to this device. */
export async function watchSocket(runDir: string, computeId: string): Promise<string> {
  const directory = join(runDir, 'watch');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return join(directory, computeId);
}

/** Whether somebody listens there: the compute's memory can be watched by the kernel. */
export async function isWatchable(socketPath: string): Promise<boolean> {
  const socket = createConnection(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
