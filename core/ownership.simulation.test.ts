import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { answerAbort, decideSource, decideTarget, type SourceState, type TargetState } from './ownership.ts';
import { decideReport, decideVerdict, verdictAnswer, type TransferFacts } from './transfer.ts';

/**
 * The very decisions of both devices and the control plane under a hostile schedule: messages lost, late, doubled, out of
 * order, each party crashing or rebooting between any two steps. As docs/model/own.pml, for the code instead of a model.
 */
class World {
  source = {
    state: 'frozen' as SourceState,
    copy: 'frozen' as 'frozen' | 'open' | 'gone',
    dumped: false,
    trouble: null as string | null,
  };
  target = { state: 'none' as TargetState, copy: 'none' as 'none' | 'restoring' | 'ready' | 'open' | 'lost' };
  control: TransferFacts = { verdict: 'none', outcome: null, closed: false };
  offered = false;
  everOpenOnTarget = false;
  rebooted = false;
  /** What each has heard; only ever replaced by what was said at some time. */
  heard = {
    source: {
      target: null as { state: TargetState; ready: boolean; live: boolean } | null,
      verdict: 'none' as TransferFacts['verdict'],
    },
    target: { source: null as SourceState | null, verdict: 'none' as TransferFacts['verdict'] },
  };
  said: { source: SourceState[]; target: { state: TargetState; ready: boolean; live: boolean }[] } = {
    source: [],
    target: [],
  };

  openCopies(): number {
    return Number(this.source.copy === 'open') + Number(this.target.copy === 'open');
  }

  stepSource(): void {
    const { source, heard } = this;
    const { action } = decideSource({
      ...source,
      target: heard.source.target,
      verdict: heard.source.verdict,
    });
    if (action === 'offer') [source.state, this.offered] = ['offered', true];
    else if (action === 'abort') source.state = 'aborting';
    else if (action === 'handOver') source.state = 'handed';
    else if (action === 'release') [source.state, source.copy] = ['released', 'gone'];
    else if (action === 'thaw' && source.state !== 'thawing') source.state = 'thawing';
    else if (action === 'thaw') {
      expect(this.everOpenOnTarget, 'thawed although the target has served clients').toBe(false);
      [source.state, source.copy] = ['thawed', 'open'];
    }
    this.said.source.push(source.state);
  }

  stepTarget(): void {
    const { target, heard } = this;
    if (target.state === 'none' && target.copy === 'none' && this.offered)
      [target.state, target.copy] = ['held', 'restoring'];
    const { action } = decideTarget({ ...target, ...heard.target });
    if (action === 'own') target.state = 'owner';
    else if (action === 'open') [target.copy, this.everOpenOnTarget] = ['open', true];
    else if (action === 'discard') [target.state, target.copy] = ['discarded', 'lost'];
    this.said.target.push({
      state: target.state,
      ready: target.state === 'held' && target.copy === 'ready',
      live: target.state === 'owner' && target.copy === 'open',
    });
  }

  ask(role: 'source' | 'target'): void {
    const wants =
      role === 'source'
        ? this.source.state === 'aborting'
          ? 'abort'
          : 'verdict'
        : this.target.state === 'held' && this.target.copy === 'ready'
          ? 'go'
          : 'verdict';
    const { action } = decideVerdict(this.control, role, wants);
    if (action === 'giveGo') this.control = { ...this.control, verdict: 'go' };
    if (action === 'giveAbort') this.control = { ...this.control, verdict: 'abort', closed: true };
    this.heard[role].verdict = verdictAnswer(this.control).verdict;
  }

  report(): void {
    const final =
      this.target.state === 'owner' && this.target.copy === 'open'
        ? 'owner'
        : this.target.state === 'discarded'
          ? 'discarded'
          : null;
    if (final === null) return;
    const decision = decideReport(this.control, final);
    if (decision.action === 'close')
      this.control = { verdict: decision.verdict, outcome: decision.outcome, closed: true };
  }
}

type Step = {
  kind:
    | 'source'
    | 'target'
    | 'restored'
    | 'dumped'
    | 'trouble'
    | 'askSource'
    | 'askTarget'
    | 'report'
    | 'crashSource'
    | 'crashTarget'
    | 'rebootTarget'
    | 'toSource'
    | 'toTarget';
  pick: number;
};
/** How often each is drawn: progress more often than trouble, else no schedule would come far. */
const WEIGHTS: Record<Step['kind'], number> = {
  source: 8,
  target: 8,
  restored: 4,
  dumped: 4,
  toSource: 4,
  toTarget: 4,
  askSource: 2,
  askTarget: 2,
  report: 1,
  trouble: 1,
  crashSource: 1,
  crashTarget: 1,
  rebootTarget: 1,
};

function perform(world: World, { kind, pick }: Step): void {
  switch (kind) {
    case 'source':
      return world.stepSource();
    case 'target':
      return world.stepTarget();
    case 'restored':
      if (world.target.copy === 'restoring') world.target.copy = pick % 5 === 0 ? 'lost' : 'ready';
      return;
    case 'dumped':
      world.source.dumped = true;
      return;
    case 'trouble':
      world.source.trouble ??= 'trouble';
      return;
    case 'askSource':
      return world.ask('source');
    case 'askTarget':
      return world.ask('target');
    case 'report':
      return world.report();
    case 'crashSource':
      // A new worker: the journal and the frozen copy stay, what was heard is forgotten.
      if (world.source.state === 'frozen' || world.source.state === 'offered')
        world.source.trouble = 'restarted';
      world.heard.source = { target: null, verdict: 'none' };
      return;
    case 'crashTarget':
      if (world.target.copy === 'restoring') world.target.copy = 'lost';
      world.heard.target = { source: null, verdict: 'none' };
      return;
    case 'rebootTarget':
      if (world.target.state !== 'none' && world.target.copy !== 'none') world.target.copy = 'lost';
      world.heard.target = { source: null, verdict: 'none' };
      return;
    case 'toSource': {
      const said = world.said.target.at(pick % Math.max(1, world.said.target.length));
      if (said) world.heard.source.target = said;
      return;
    }
    case 'toTarget': {
      const said = world.said.source.at(pick % Math.max(1, world.said.source.length));
      if (said) world.heard.target.source = said;
      return;
    }
  }
}

const RUNS = 10_000;

const kinds = fc.oneof(
  ...Object.entries(WEIGHTS).map(([kind, weight]) => ({
    weight,
    arbitrary: fc.constant(kind as Step['kind']),
  })),
);
const schedules = fc.array(fc.record({ kind: kinds, pick: fc.nat(1000) }), { maxLength: 120, size: 'max' });

/** Thousands of schedules: a second on an idle machine. */
vi.setConfig({ testTimeout: 60_000 });

test('never two copies are open, whatever is lost, late, doubled, cut or killed', () => {
  fc.assert(
    fc.property(schedules, (steps) => {
      const world = new World();
      for (const step of steps) {
        perform(world, step);
        expect(world.openCopies()).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: RUNS },
  );
});

test('the schedules reach every end', () => {
  const ends = new Set<string>();
  for (const steps of fc.sample(schedules, 3000)) {
    const world = new World();
    for (const step of steps) perform(world, step);
    ends.add(`${world.source.state}/${world.target.state}`);
  }
  for (const end of ['released/owner', 'thawed/discarded', 'handed/held', 'aborting/held', 'aborting/owner'])
    expect(ends).toContain(end);
});

test('once messages get through again, exactly one copy is open and none is held', () => {
  fc.assert(
    fc.property(schedules, (steps) => {
      const world = new World();
      for (const step of steps) perform(world, step);
      world.source.dumped = true;
      for (let round = 0; round < 12; round += 1) {
        for (const kind of ['source', 'target', 'restored', 'askSource', 'askTarget', 'report'] as const)
          perform(world, { kind, pick: 1 });
        world.heard.source.target = world.said.target.at(-1) ?? null;
        world.heard.target.source = world.said.source.at(-1) ?? null;
      }
      expect(world.openCopies()).toBe(1);
      expect(world.target.state).not.toBe('held');
    }),
    { numRuns: RUNS },
  );
});

test('whoever was told that the move is stopped is told so for good, and the target never opens', () => {
  fc.assert(
    fc.property(schedules, (steps) => {
      const world = new World();
      const answers = steps.map((step) => {
        perform(world, step);
        return answerAbort(world.source.state).action;
      });
      const first = answers.indexOf('stopped');
      if (first === -1) return;
      expect(new Set(answers.slice(first))).toEqual(new Set(['stopped']));
      expect(world.everOpenOnTarget).toBe(false);
    }),
    { numRuns: RUNS },
  );
});

test('the simulation notices a broken rule: a source that thaws by itself after its offer', () => {
  const broken = () =>
    fc.assert(
      fc.property(schedules, (steps) => {
        const world = new World();
        for (const step of steps) {
          if (step.kind === 'source' && world.source.state === 'aborting')
            [world.source.state, world.source.copy] = ['thawed', 'open'];
          perform(world, step);
          expect(world.openCopies()).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: RUNS },
    );
  expect(broken).toThrow();
});
