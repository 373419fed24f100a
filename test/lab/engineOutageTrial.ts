import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { computeSpecSchema } from '../../core/compute.ts';
import { until } from '../../core/until.ts';
import { createEngine } from '../../device/engine/createEngine.ts';
import { runRestarter, type ReportedExit } from '../../device/engine/restarter.ts';

/**
 * Runs on a device whose dockerd is killed and started again meanwhile; the compute ends between, while nobody can be
 * asked. Prints, as one line of JSON, what was reported, once the compute runs again.
 */
const runDir = '/run/drayage-outage';
const engine = createEngine({ dockerSocket: '/var/run/docker.sock', runDir });
const shell = (script: string): string =>
  execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8' }).trim();

mkdirSync(runDir, { recursive: true });
writeFileSync(`${runDir}/criu.conf`, '');
const digest = shell(
  `at=$(mktemp -d); mkdir $at/bin; cp /bin/busybox $at/bin; tar c -C $at . | docker import - outage:1 | head -1; rm -r $at`,
);
const spec = computeSpecSchema.parse({
  id: 'cmp_outage000000',
  group: 'grp_outage000000',
  name: 'outage',
  image: { id: 'img_outage000000', digest },
  command: ['/bin/busybox', 'sleep', '1000'],
  restartPolicy: { name: 'always', maximumRetries: 0 },
  address: { ip: '10.77.1.2', prefix: 16, mac: '02:42:0a:4d:01:02' },
});
const abort = new AbortController();
const exits: ReportedExit[] = [];

async function start(): Promise<void> {
  await engine.ensureSandbox(spec);
  await engine.createCompute(spec);
  await engine.startCompute(spec.id);
}

try {
  await start();
  const first = (await engine.facts(spec.id))?.pid;
  runRestarter({ engine, start, mayStart: () => true, onExit: (exit) => exits.push(exit) }, abort.signal);
  // From here on the engine may go away: nothing is asked of it that has to be answered.
  writeFileSync(`${runDir}/started`, String(first));
  await until('the compute to run again', 60_000, async () => {
    const pid = await engine.facts(spec.id).then(
      (facts) => facts?.pid ?? 0,
      () => 0,
    );
    return pid > 0 && pid !== first && exits.length > 0;
  });
  // A second report of the same end would come with the next look at all.
  await new Promise((resolve) => setTimeout(resolve, 500));
  process.stdout.write(`${JSON.stringify({ exits })}\n`);
} finally {
  abort.abort();
  await engine.removeCompute(spec.id, { volumes: true });
  rmSync(runDir, { recursive: true });
}
