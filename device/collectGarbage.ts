import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/**
 * Collects the garbage of this process now, some 50 ms: before a freeze, so that V8 does not do it in the freeze, on
 * processors that are waited for.
 */
export function collectGarbage(): void {
  collect();
}
