import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** Read at a time, bytes. */
const PIECE = 4 * 2 ** 20;

export type HashMessage = { read: number } | { digest: string } | { failed: string };

const say = (message: HashMessage) => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<Blob>) => {
  hash(data).then(
    (digest) => say({ digest }),
    (error: unknown) => say({ failed: error instanceof Error ? error.message : String(error) }),
  );
});

async function hash(file: Blob): Promise<string> {
  const hasher = sha256.create();
  for (let at = 0; at < file.size; at += PIECE) {
    hasher.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
    say({ read: Math.min(file.size, at + PIECE) });
  }
  return `sha256:${bytesToHex(hasher.digest())}`;
}
