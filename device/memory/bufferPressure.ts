import v8 from 'node:v8';
import vm from 'node:vm';

/**
 * Buffers that pass through streams are small objects with much memory outside of V8's heap: it notices them late, and then
 * marks the whole heap again and again, on the processors that the memory's copy needs itself. A collection of the young
 * ones alone finds nearly all of them, in about a millisecond.
 */
const EVERY_BYTES = 16 * 1024 * 1024;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as (options: { type: 'minor' }) => void;

let passed = 0;

/** Tells that so many bytes of buffers have been used and are garbage now. */
export function releaseBuffers(bytes: number): void {
  passed += bytes;
  if (passed < EVERY_BYTES) return;
  passed = 0;
  collect({ type: 'minor' });
}

/** Collects now, so that nothing has to be collected in the next moments. */
export function releaseBuffersNow(): void {
  passed = 0;
  collect({ type: 'minor' });
}
