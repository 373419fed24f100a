import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Tells the bytes of buffers that are in use; what waits for the collector does not count. */
export function bufferMeter(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
}
