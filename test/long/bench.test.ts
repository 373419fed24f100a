import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { figures } from '../../bench/figures.ts';
import { machineFacts } from '../../bench/machineFacts.ts';
import { plan } from '../../bench/plan.ts';
import type { MoveSample } from '../../bench/sample.ts';
import { takeSamples } from '../../bench/takeSamples.ts';
import { writeResults } from '../../bench/writeResults.ts';
import { SILENT } from '../../lab/progress.ts';
import { withLab } from '../lab/support.ts';

const LONG_MS = 900_000;
/** The node worker's own, from a device's first compute on. */
const WORKERS = '/run/drayage/reported-exits.json';
const shared = withLab();

test(
  'the benchmark moves the same program by each contender, and leaves nothing on the devices',
  async () => {
    const look = async () => {
      const all = await Promise.all(shared.lab.devices.map((device) => shared.deviceCensus(device)));
      return all.map(({ mounts, cards, files }) => ({
        ...{ mounts, cards },
        files: files.filter((file) => file !== WORKERS),
      }));
    };
    const before = await look();
    const turns = plan(['unshaped', 'idle', 'drayage', 'podman', 'docker'], 1);
    const input = { lab: shared.lab, cores: null, turns, progress: SILENT, warm: false };
    const samples = await takeSamples(input);
    expect(await look()).toEqual(before);

    const moves = samples.filter((one): one is MoveSample => one.kind === 'move');
    // Drayage's first move of the program is told apart from the one that counts.
    expect(moves.map(({ contender, fresh, reason, wrong }) => ({ contender, fresh, reason, wrong }))).toEqual(
      [
        { contender: 'drayage', fresh: true },
        { contender: 'drayage', fresh: false },
        { contender: 'podman', fresh: false },
        { contender: 'docker', fresh: false },
      ].map((one) => ({ ...one, reason: '', wrong: 0 })),
    );
    const [first, drayage, podman, docker] = moves as [MoveSample, MoveSample, MoveSample, MoveSample];
    for (const one of [first, drayage]) expect(one).toMatchObject({ lost: 0, connections: 16 });
    expect(drayage.gapMs).toBeLessThan(podman.gapMs);
    expect(podman.steps.map(({ name }) => name)).toEqual(['checkpoint', 'copy', 'restore']);
    expect(docker.steps.map(({ name }) => name)).toEqual(['checkpoint', 'copy', 'restore']);
    // The counter sees what Drayage says it sent, and the frames around it and what is said beside it.
    expect(drayage.countedBytes).toBeGreaterThan(drayage.wireBytes!);
    expect(drayage.countedBytes).toBeLessThan(drayage.wireBytes! * 1.3 + 500_000);

    const folder = await mkdtemp(join(tmpdir(), 'drayage-bench-'));
    try {
      const about = { machine: await machineFacts(shared.lab, null), commit: '', takenAt: '' };
      const files = await writeResults(folder, {
        ...about,
        figures: figures(samples, turns),
        told: [],
        samples,
      });
      expect(files.map((file) => basename(file))).toEqual(['latest.json', 'unshaped-idle.svg']);
      const written = JSON.parse(await readFile(files[0]!, 'utf8')) as { figures: { name: string }[] };
      expect(written.figures.map(({ name }) => name)).toContain('gapOverPodman');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  LONG_MS,
);
