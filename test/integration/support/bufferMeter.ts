import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Tells the bytes of buffers that are in use; what waits for the collector does not count. */
export function bufferMeter(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    // Buffers that the first finds are given back beside the program; the second waits for that.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
}
