import type { CountedStream } from './CountedStream.ts';
import { cancelledError } from './fileErrors.ts';
import type { ArmedDifference } from './types.ts';

/** A difference of this directory that waits for `go`: its end is that of the stream that reads it. */
export function armDifference(directory: string, stream: CountedStream, go: () => void): ArmedDifference {
  const done = new Promise<{ bytes: number }>((resolve, reject) => {
    let failure: Error | null = null;
    stream.once('error', (error) => (failure = error));
    stream.once('close', () =>
      stream.readableEnded ? resolve({ bytes: stream.bytes }) : reject(failure ?? cancelledError(directory)),
    );
  });
  // Whoever only reads `stream` must not be ended by a rejection that nobody listens to.
  done.catch(() => {});
  return { go, stream, done, cancel: () => void stream.destroy(cancelledError(directory)) };
}
