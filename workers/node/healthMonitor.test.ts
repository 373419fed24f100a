import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { computeSpecSchema } from '../../core/compute.ts';
import type { DevicePlacement, HealthRequest } from '../../core/deviceApi.ts';
import type { Health } from '../../core/healthCheck.ts';
import { ExecSessions } from '../../device/engine/execSessions.ts';
import type { ExecSession } from '../../device/engine/types.ts';
import { HealthMonitor } from './healthMonitor.ts';

const computeId = 'cmp_000000000001';
const here = [{ computeId, running: true }];
/** Longer than the first wait and one interval. */
const SOON = { timeout: 5_000 };
let monitor: HealthMonitor | null = null;
afterEach(() => monitor?.close());

/** A monitor of one compute, whose check ends with `code`; null: it goes on until it is ended. */
function setUp({ health, code = 0 }: { health?: Health; code?: number | null } = {}) {
  const spec = computeSpecSchema.parse({
    id: computeId,
    group: 'grp_000000000001',
    name: 'app',
    image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
    healthCheck: { command: ['/check'], intervalSeconds: 1, retries: 1, timeoutSeconds: 1 },
    address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
  });
  const placement: DevicePlacement = {
    ...{ group: spec.group, epoch: 1, spec, desired: 'running', health, transfer: null },
  };
  const state = { code, placement: placement as DevicePlacement | undefined };
  const exec = vi.fn((): Promise<ExecSession> => {
    let end: (code: number) => void = () => {};
    const done = new Promise<number>((resolve) => (end = resolve));
    if (state.code !== null) end(state.code);
    const nothing = () => {};
    return Promise.resolve({
      ...{ write: nothing, closeStdin: nothing, onOutput: nothing, pause: nothing, resume: nothing },
      ...{ kill: () => Promise.resolve(), resize: () => Promise.resolve(), done },
      end: () => Promise.resolve(end(137)),
    });
  });
  const told: HealthRequest[] = [];
  const tell = vi.fn((request: HealthRequest) => Promise.resolve(void told.push(request)));
  const sessions = new ExecSessions({ exec });
  monitor = new HealthMonitor({
    engine: {
      listComputes: () => Promise.resolve([{ computeId, spec, running: true, paused: false, limits: null }]),
    },
    sessions,
    placements: { current: () => state.placement, refresh: () => Promise.resolve() },
    control: { health: tell },
    log: pino({ level: 'silent' }),
  });
  return { monitor, state, sessions, exec, told, tell };
}

const states = (told: HealthRequest[]) => told.map(({ state }) => state);

describe('the monitor of health', () => {
  test('tells when it has changed, and only then', async () => {
    const { monitor, state, exec, told } = setUp();
    monitor.notice(here);
    monitor.notice(here);
    await vi.waitFor(() => expect(states(told)).toEqual(['starting', 'healthy']), SOON);
    const runs = exec.mock.calls.length;
    await vi.waitFor(() => expect(exec.mock.calls.length).toBeGreaterThan(runs), SOON);
    state.code = 1;
    await vi.waitFor(() => expect(states(told)).toEqual(['starting', 'healthy', 'unhealthy']), SOON);
    expect(told.at(-1)?.reason).toContain('exit code 1');
  });

  test('takes up the health that a compute comes with', async () => {
    const { monitor, exec, told } = setUp({ health: { state: 'healthy', reason: 'x' } });
    monitor.notice(here);
    await vi.waitFor(() => expect(exec).toHaveBeenCalled(), SOON);
    expect(told).toEqual([]);
  });

  test('gives way to a move and goes on after it; neither counts', async () => {
    const { monitor, state, sessions, exec, told } = setUp({
      health: { state: 'healthy', reason: 'x' },
      code: null,
    });
    monitor.notice(here);
    await vi.waitFor(() => expect(exec).toHaveBeenCalledTimes(1), SOON);
    // Resolves only once the run has ended.
    await sessions.hold('mig_1', [computeId]);
    sessions.release('mig_1');
    state.code = 0;
    await vi.waitFor(() => expect(exec).toHaveBeenCalledTimes(2), SOON);
    expect(told).toEqual([]);
  });

  test('ends a run that takes too long', async () => {
    const { monitor, told } = setUp({ code: null });
    monitor.notice(here);
    await vi.waitFor(() => expect(states(told)).toEqual(['starting', 'unhealthy']), SOON);
    expect(told.at(-1)?.reason).toContain('longer than 1 s');
  });

  test('tells later what it could not tell', async () => {
    const { monitor, told, tell } = setUp();
    tell.mockRejectedValueOnce(new Error('away'));
    monitor.notice(here);
    await vi.waitFor(() => expect(states(told)).toContain('healthy'), SOON);
  });

  test('ends with the compute, and with its check', async () => {
    const { monitor, state, exec } = setUp();
    monitor.notice(here);
    await vi.waitFor(() => expect(exec).toHaveBeenCalled(), SOON);
    monitor.notice([{ computeId, running: false }]);
    const runs = exec.mock.calls.length;
    state.placement = undefined;
    monitor.notice(here);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(exec).toHaveBeenCalledTimes(runs);
  });
});
