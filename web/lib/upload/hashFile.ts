import { DrayageError } from '../../../core/cause.ts';
import type { HashMessage } from './sha256.worker.ts';

/**
 * The SHA-256 of a file (`sha256:` and hex digits), worked out beside the page: without TLS browsers have none of their own,
 * and theirs takes a file as a whole only.
 * @throws DrayageError fileUnreadable, the signal's reason
 */
export function hashFile(
  file: Blob,
  onProgress: (read: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const worker = new Worker(new URL('./sha256.worker.ts', import.meta.url), { type: 'module' });
  const hashed = new Promise<string>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    worker.addEventListener('error', () => reject(unreadable('the browser could not start to read it')));
    worker.addEventListener('message', ({ data }: MessageEvent<HashMessage>) => {
      if ('read' in data) onProgress(data.read);
      else if ('digest' in data) resolve(data.digest);
      else reject(unreadable(data.failed));
    });
    signal.throwIfAborted();
    worker.postMessage(file);
  });
  return hashed.finally(() => worker.terminate());
}

const unreadable = (why: string) =>
  new DrayageError({
    code: 'fileUnreadable',
    message: `The file cannot be read: ${why}.`,
    mend: 'It may have been changed or moved since it was chosen: choose it again.',
  });
