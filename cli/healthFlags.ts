import type { Command } from 'commander';
import { seconds, wholeNumber } from './parse.ts';

export interface HealthFlags {
  health?: string;
  healthInterval?: number;
  healthTimeout?: number;
  healthRetries?: number;
  healthStartPeriod?: number;
}

/** The options by which a compute is given a health check. */
export function withHealthOptions(command: Command): Command {
  return command
    .option('--health <command>', 'run in it from time to time by /bin/sh; exit code 0 says that it is well')
    .option('--health-interval <time>', 'between two runs, e.g. 30s', seconds)
    .option('--health-timeout <time>', 'a run that takes longer has failed, e.g. 5s', seconds)
    .option('--health-retries <n>', 'so many failures in a row make it unhealthy', wholeNumber(1, 100))
    .option('--health-start-period <time>', 'so long after its start failures do not count', seconds);
}

/** As the API takes it; undefined without `--health`. */
export function healthCheckOf(flags: HealthFlags) {
  if (flags.health === undefined) return undefined;
  return {
    command: ['/bin/sh', '-c', flags.health],
    intervalSeconds: flags.healthInterval,
    timeoutSeconds: flags.healthTimeout,
    retries: flags.healthRetries,
    startPeriodSeconds: flags.healthStartPeriod,
  };
}
