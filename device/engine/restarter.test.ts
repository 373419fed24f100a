import { describe, expect, test, vi } from 'vitest';
import { computeSpecSchema, type RestartPolicy } from '../../core/compute.ts';
import { runRestarter, type ReportedExit } from './restarter.ts';
import type { ContainerExit } from './types.ts';

const computeId = 'cmp_000000000001';
const failed: ContainerExit = {
  computeId,
  containerId: 'c',
  exitCode: 3,
  requested: false,
  ranMs: 5,
  at: '2026-03-01T12:00:00.000Z',
  oom: false,
};

function setUp(
  policy: RestartPolicy,
  options: { mayStart?: () => boolean; start?: () => Promise<void>; now?: RestartPolicy } = {},
) {
  const spec = computeSpecSchema.parse({
    id: computeId,
    group: 'grp_000000000001',
    name: 'app',
    image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
    restartPolicy: policy,
    address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
  });
  const abort = new AbortController();
  const exits: ReportedExit[] = [];
  const startCompute = vi.fn(options.start ?? (() => Promise.resolve()));
  let emit: (exit: ContainerExit) => void = () => {};
  runRestarter(
    {
      engine: {
        listComputes: () =>
          Promise.resolve([{ computeId, spec, running: false, paused: false, limits: null }]),
        startCompute,
        watchExits: (listener) => (emit = listener),
      },
      mayStart: options.mayStart ?? (() => true),
      policyOf: () => options.now,
      onExit: (exit) => exits.push(exit),
    },
    abort.signal,
  );
  return { emit: (exit: ContainerExit) => emit(exit), exits, startCompute, abort };
}

describe('the restarter', () => {
  test('reports an end and starts the compute again', async () => {
    const { emit, exits, startCompute } = setUp({ name: 'always', maximumRetries: 0 });
    emit(failed);
    await vi.waitFor(() => expect(startCompute).toHaveBeenCalledTimes(1));
    expect(exits).toMatchObject([{ computeId, exitCode: 3, restarting: true, restarts: 1 }]);
  });

  test('gives up where the policy says so', async () => {
    const { emit, exits, startCompute } = setUp({ name: 'on-failure', maximumRetries: 1 });
    emit(failed);
    await vi.waitFor(() => expect(startCompute).toHaveBeenCalledTimes(1));
    emit(failed);
    await vi.waitFor(() => expect(exits).toHaveLength(2));
    expect(exits[1]).toMatchObject({ restarting: false, restarts: 1 });
  });

  test('heeds a policy that was changed since the container was made', async () => {
    const { emit, exits, startCompute } = setUp(
      { name: 'no', maximumRetries: 0 },
      { now: { name: 'always', maximumRetries: 0 } },
    );
    emit(failed);
    await vi.waitFor(() => expect(startCompute).toHaveBeenCalledTimes(1));
    expect(exits).toMatchObject([{ restarting: true }]);
  });

  test('neither starts nor reports what is not its own', async () => {
    const { emit, exits, startCompute } = setUp(
      { name: 'always', maximumRetries: 0 },
      { mayStart: () => false },
    );
    emit(failed);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(startCompute).not.toHaveBeenCalled();
    expect(exits).toEqual([]);
  });

  test('does not start what a move took meanwhile, nor after its end', async () => {
    let mine = true;
    const { emit, exits, startCompute, abort } = setUp(
      { name: 'always', maximumRetries: 0 },
      { mayStart: () => mine },
    );
    emit(failed);
    await vi.waitFor(() => expect(exits).toHaveLength(1));
    mine = false;
    await new Promise((resolve) => setTimeout(resolve, 150));
    mine = true;
    emit(failed);
    abort.abort();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(startCompute).not.toHaveBeenCalled();
  });

  test('a start that fails counts as another failure', async () => {
    let attempts = 0;
    const start = () => (++attempts < 3 ? Promise.reject(new Error('no')) : Promise.resolve());
    const { emit, exits, startCompute } = setUp({ name: 'on-failure', maximumRetries: 0 }, { start });
    emit(failed);
    await vi.waitFor(() => expect(startCompute).toHaveBeenCalledTimes(3), 2000);
    expect(exits.map(({ exitCode }) => exitCode)).toEqual([3, 128, 128]);
  });
});
