import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { ComputeUsage } from '../../core/checkCompatibility.ts';
import { DrayageError, type Cause } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { switchOptionsSchema, type SwitchOptions } from '../../core/memoryInput.ts';
import { ABORT_REQUESTED } from '../../core/migration.ts';
import {
  checkInput,
  computesSchema,
  descriptorsSchema,
  prepareInputSchema,
  releaseInputSchema,
  sessionOptionsSchema,
  transferInputSchema,
  type PrepareInput,
  type ReleaseInput,
  type SessionOptions,
  type TransferInput,
} from '../../core/moveInput.ts';
import { execOpen } from '../../device/checkpoint/findBlockers.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import type { ControlPlane } from '../../device/ownership/ports.ts';
import type { SourceOutcome } from '../../device/ownership/sourceTransfer.ts';
import { SourceTransfer } from '../../device/ownership/sourceTransfer.ts';
import type { TargetOutcome } from '../../device/ownership/targetTransfer.ts';
import type { TransferTable } from '../../device/ownership/transferTable.ts';
import { Preparations } from '../../device/preparations.ts';
import { withFailures } from '../failure.ts';
import { beating } from '../beating.ts';

export interface MigrationDeps {
  device: Device;
  sessions: ExecSessions;
  table: TransferTable;
  control: ControlPlane;
  ensureImage: (spec: ComputeSpec, progress: (bytes: number) => void) => Promise<void>;
}

/** A device's part in moves. Each is safe to run again: it attaches to what an earlier attempt began. */
export function createMigrationActivities(deps: MigrationDeps) {
  const { device, sessions, table, control } = deps;
  const { engine, network, files, pages } = device;
  const preparations = new Preparations();

  const request = async (given: TransferInput) => {
    const { peer, ...input } = checkInput(transferInputSchema, given);
    return { ...input, peer: await control.peer(peer) };
  };

  /** What an earlier move, or an earlier attempt, left of a compute is not built upon; a copy that runs is not touched. */
  const clearLeftovers = async ({ id, name }: ComputeSpec) => {
    const left = await engine.facts(id);
    if (table.busy(id) || left?.state === 'running') throw stillHere(name);
    await network.remove(id);
    await engine.removeCompute(id, { volumes: true });
  };

  /** Ends what somebody runs inside these computes, whoever started it. */
  const endForeigners = async (computes: ComputeSpec[]) => {
    await sessions.endSessions(computes.map(({ id }) => id));
    for (const { id } of computes) await device.endForeigners(id);
  };

  /** From here to the end of the move nothing is run inside the computes. What was let in since the preflight ends. */
  const holdSessions = async (
    migration: string,
    computes: ComputeSpec[],
    { endSessions }: SessionOptions,
  ) => {
    const ids = computes.map(({ id }) => id);
    await sessions.hold(migration, ids);
    if (endSessions) return endForeigners(computes);
    for (const { id, name } of computes)
      // Started on the device itself, past Drayage.
      if (await device.hasForeigners(id)) throw new DrayageError(execOpen(name));
  };

  return withFailures({
    /**
     * Source: what the computes hold, what stands against the move, and what a restore must know before the dump.
     * `endSessions`: what somebody runs inside them is ended first.
     */
    async inspectSource(
      computes: ComputeSpec[],
      given: SessionOptions = {},
    ): Promise<{ usage: ComputeUsage[]; descriptors: Record<string, string[]> }> {
      checkInput(computesSchema, computes);
      const ids = computes.map(({ id }) => id);
      // One thing happens to a compute at a time: an earlier move of it has ended.
      for (const id of ids) sessions.letIn(id);
      const { endSessions } = checkInput(sessionOptionsSchema, given);
      const usage = await sessions.withoutProbes(ids, async () => {
        if (endSessions) await endForeigners(computes);
        return Promise.all(computes.map((spec) => device.usage(spec)));
      });
      const descriptors: Record<string, string[]> = {};
      for (const { id } of computes) {
        const external = await device.descriptors(id);
        if (external !== null) descriptors[id] = external;
      }
      return { usage, descriptors };
    },

    /** Target: image, sandbox, network behind a shut gate, container (not started), room for the files. */
    async prepareTarget(given: PrepareInput): Promise<void> {
      const { migration, computes, peer } = checkInput(prepareInputSchema, given);
      const prepare = async (signal: AbortSignal) => {
        await device.failpoint('target.preparing');
        for (const spec of computes) {
          signal.throwIfAborted();
          await clearLeftovers(spec);
          await deps.ensureImage(spec, (bytes) => heartbeat({ imageBytes: bytes }));
          signal.throwIfAborted();
          const sandbox = await engine.ensureSandbox(spec);
          await network.prepare(spec, sandbox.pid);
          await engine.createCompute(spec);
          await files.expect({ migration, computeId: spec.id, peer });
          pages.expect(migration, spec.id, peer);
        }
      };
      await beating(() => preparations.begin(migration, prepare));
    },

    /** Source: writable layer, volumes and log, copied while the compute runs; then once more what changed meanwhile. */
    async syncFiles(given: PrepareInput, options: SessionOptions = {}): Promise<{ bytes: number }> {
      const { migration, computes, peer } = checkInput(prepareInputSchema, given);
      const target = await control.peer(peer);
      return beating(async () => {
        await holdSessions(migration, computes, checkInput(sessionOptionsSchema, options));
        await device.failpoint('source.syncing');
        let bytes = 0;
        for (const { id } of computes)
          bytes += await files.send(
            { migration, computeId: id, target },
            (sent) => heartbeat({ fileBytes: bytes + sent }),
            cancellationSignal(),
          );
        return { bytes };
      });
    },

    /** Target: everything of the hot window is started and waits. */
    async armTarget(input: TransferInput, descriptors: Record<string, string[]>): Promise<void> {
      await beating(
        async () =>
          (await table.target(await request(input), checkInput(descriptorsSchema, descriptors))).armed,
      );
    },

    /** Source: everything of the hot window is started and waits. */
    async armSource(input: TransferInput): Promise<void> {
      const machine = await table.source(await request(input));
      if (machine instanceof SourceTransfer) await beating(() => machine.armed);
    },

    /** Source: the move ends before its switch. Nothing there is no error. */
    async disarmSource(input: TransferInput): Promise<void> {
      const { transfer } = checkInput(transferInputSchema, input);
      await beating(() => table.disarmSource(transfer, notSwitching));
    },

    /** Source: the hot window, to the end of the transfer. The machine in `table` does it; this only watches. */
    async switchSource(input: TransferInput, options: SwitchOptions): Promise<SourceOutcome> {
      const checked = checkInput(switchOptionsSchema, options);
      // Asking the control plane for the peer takes time that the link stands still.
      const armed = table.armedSource(checkInput(transferInputSchema, input).transfer);
      const machine = armed ?? (await table.source(await request(input)));
      if (!(machine instanceof SourceTransfer)) return machine;
      machine.freeze(checked);
      return beating(
        () => machine.done,
        () => ({ state: machine.state, phases: machine.clock.list() }),
      );
    },

    /**
     * Source: asks the machine to stop before the commit point, and waits until it is certain what came of that. Of a move
     * that is stopped nothing begins any more on this device, whoever asks.
     */
    async abortSwitch(input: TransferInput): Promise<{ accepted: boolean; reason: string }> {
      const transfer = await request(input);
      const { action, reason } = await beating(() => table.abortSource(transfer, asked));
      return { accepted: action === 'stopped', reason };
    },

    /** Target: waits for the end of the transfer. `none`: this worker knows nothing of it any more. */
    async awaitTarget(input: TransferInput): Promise<TargetOutcome | { state: 'none' }> {
      const machine = await table.attachTarget(await request(input));
      if (machine === 'none') return { state: 'none' };
      if (typeof machine === 'string')
        return { state: machine, reason: 'found in the journal', causes: [], phases: [] };
      return beating(
        () => machine.done,
        () => ({ state: machine.state, phases: machine.clock.list() }),
      );
    },

    /** Target: the source has the computes; nothing of the attempt stays here, and none can come any more. */
    async discardTarget(input: TransferInput): Promise<{ state: 'owner' | 'discarded' }> {
      await preparations.end(input.migration);
      const state = await table.discardTarget(await request(input));
      if (state === 'owner') return { state };
      await files.forget(input.migration);
      for (const { id } of input.computes) {
        await network.remove(id);
        await engine.removeCompute(id, { volumes: true });
      }
      return { state };
    },

    /** Source: the computes live on the target; their containers, volumes and what was kept for the move go. */
    async releaseSource(given: ReleaseInput): Promise<void> {
      const { migration, computes } = checkInput(releaseInputSchema, given);
      await beating(async () => {
        for (const { id } of computes) {
          await network.remove(id);
          await engine.removeCompute(id, { volumes: true });
        }
        await files.forget(migration);
        sessions.release(migration);
      });
    },

    /** Either side: what was kept for the files of a move that has ended. Its computes are free again. */
    async forgetFiles(migration: string): Promise<void> {
      await files.forget(migration);
      sessions.release(migration);
    },
  });
}

const notSwitching: Cause = {
  code: 'notSwitched',
  message: 'The move ended before its switch.',
  mend: 'The migration shows why.',
};

const asked: Cause = {
  code: ABORT_REQUESTED,
  message: 'A person asked to stop the move.',
  mend: 'Move it again when it suits.',
};

function stillHere(name: string): DrayageError {
  return new DrayageError(
    {
      code: 'earlierCopyHere',
      message: `The target still has a copy of compute ${name} from an earlier move.`,
      mend: 'It clears it by itself once it has spoken with the other device of that move; try again then.',
    },
    { retryable: true },
  );
}

export type MigrationActivities = ReturnType<typeof createMigrationActivities>;
