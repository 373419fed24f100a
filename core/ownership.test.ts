import { describe, expect, test } from 'vitest';
import {
  answerAbort,
  decideSource,
  decideTarget,
  type SourceState,
  type SourceView,
  type TargetStatus,
  type TargetView,
} from './ownership.ts';

const source = (view: Partial<SourceView>): SourceView => ({
  state: 'frozen',
  target: null,
  verdict: 'none',
  trouble: null,
  dumped: false,
  ...view,
});
const target = (view: Partial<TargetView>): TargetView => ({
  state: 'none',
  copy: 'none',
  source: null,
  verdict: 'none',
  ...view,
});
const status = (state: TargetStatus['state'], more: Partial<TargetStatus> = {}): TargetStatus => ({
  state,
  ready: false,
  live: false,
  ...more,
});

describe('the source', () => {
  test.each<[string, Partial<SourceView>, string]>([
    ['frozen and not dumped waits', {}, 'wait'],
    ['frozen and dumped offers', { dumped: true }, 'offer'],
    ['frozen in trouble thaws alone: nobody can restore yet', { trouble: 'link lost' }, 'thaw'],
    ['frozen in trouble thaws even when all is dumped', { trouble: 'link lost', dumped: true }, 'thaw'],
    ['offered waits for the target', { state: 'offered' }, 'wait'],
    [
      'offered waits while the target holds but is not ready',
      { state: 'offered', target: status('held') },
      'wait',
    ],
    [
      'offered hands over to a ready target',
      { state: 'offered', target: status('held', { ready: true }) },
      'handOver',
    ],
    ['offered in trouble does not thaw, it aborts', { state: 'offered', trouble: 'link lost' }, 'abort'],
    [
      'offered in trouble aborts though the target is ready',
      { state: 'offered', trouble: 'asked', target: status('held', { ready: true }) },
      'abort',
    ],
    ['offered thaws on discarded', { state: 'offered', target: status('discarded') }, 'thaw'],
    ['offered thaws on the verdict abort', { state: 'offered', verdict: 'abort' }, 'thaw'],
    ['offered hands over on the verdict go', { state: 'offered', verdict: 'go' }, 'handOver'],
    [
      'offered hands over to an owner, whatever the trouble',
      { state: 'offered', trouble: 'link lost', target: status('owner', { live: true }) },
      'handOver',
    ],
    [
      'aborting never hands over to a target that is only ready',
      { state: 'aborting', target: status('held', { ready: true }) },
      'wait',
    ],
    ['aborting without an answer stays frozen', { state: 'aborting', trouble: 'link lost' }, 'wait'],
    ['aborting thaws on discarded', { state: 'aborting', target: status('discarded') }, 'thaw'],
    ['aborting thaws on the verdict abort', { state: 'aborting', verdict: 'abort' }, 'thaw'],
    ['aborting hands over when the verdict was go', { state: 'aborting', verdict: 'go' }, 'handOver'],
    [
      'aborting hands over when the target is live',
      { state: 'aborting', target: status('owner', { live: true }) },
      'handOver',
    ],
    ['handed keeps its copy until the target is live', { state: 'handed', target: status('owner') }, 'wait'],
    [
      'handed releases when the target is live',
      { state: 'handed', target: status('owner', { live: true }) },
      'release',
    ],
    ['handed thaws when the target discarded', { state: 'handed', target: status('discarded') }, 'thaw'],
    ['handed does not thaw in trouble', { state: 'handed', trouble: 'link lost' }, 'wait'],
    ['handed does not thaw on an abort that is not a witness', { state: 'handed', verdict: 'abort' }, 'wait'],
    ['thawing goes on thawing', { state: 'thawing' }, 'thaw'],
    ['thawed is the end', { state: 'thawed' }, 'finished'],
    ['released is the end', { state: 'released' }, 'finished'],
  ])('%s', (_name, view, action) => {
    expect(decideSource(source(view)).action).toBe(action);
  });
});

describe('someone who asks to stop the move', () => {
  test.each<[SourceState | 'unbegun', string]>([
    ['unbegun', 'stopped'],
    ['frozen', 'wait'],
    ['offered', 'wait'],
    ['aborting', 'wait'],
    ['thawing', 'stopped'],
    ['thawed', 'stopped'],
    ['handed', 'tooLate'],
    ['released', 'tooLate'],
  ])('at a source that has written %s is answered: %s', (state, action) => {
    const answer = answerAbort(state);
    expect(answer.action).toBe(action);
    expect(answer.reason).toMatch(/^[A-Z].*\.$/);
  });

  test.each<[string, Partial<SourceView>, string]>([
    ['while dumping: it thaws', {}, 'thaw'],
    ['when all is dumped, but not offered: it thaws', { dumped: true }, 'thaw'],
    ['after the offer: it never hands over by itself', { state: 'offered', dumped: true }, 'abort'],
    [
      'when the target is ready, but has not been told go: the same',
      { state: 'offered', target: status('held', { ready: true }) },
      'abort',
    ],
    ['when it has handed over: nothing changes', { state: 'handed' }, 'wait'],
    [
      'when go was given by the control plane: it hands over',
      { state: 'aborting', verdict: 'go' },
      'handOver',
    ],
  ])('finds a source %s', (_name, view, action) => {
    expect(decideSource(source({ ...view, trouble: 'asked to stop' })).action).toBe(action);
  });
});

describe('the target', () => {
  test.each<[string, Partial<TargetView>, string]>([
    ['waits for the manifest', {}, 'wait'],
    ['holding nothing yet, ignores go', { source: 'handed' }, 'wait'],
    ['restoring, ignores go', { state: 'held', copy: 'restoring', source: 'handed' }, 'wait'],
    ['restoring, ignores the verdict go', { state: 'held', copy: 'restoring', verdict: 'go' }, 'wait'],
    ['ready waits for go', { state: 'held', copy: 'ready', source: 'offered' }, 'wait'],
    ['ready owns when the source handed over', { state: 'held', copy: 'ready', source: 'handed' }, 'own'],
    ['ready owns on the verdict go', { state: 'held', copy: 'ready', verdict: 'go' }, 'own'],
    [
      'ready discards when the source aborts',
      { state: 'held', copy: 'ready', source: 'aborting' },
      'discard',
    ],
    [
      'ready discards on the verdict abort, whatever else it heard',
      { state: 'held', copy: 'ready', source: 'handed', verdict: 'abort' },
      'discard',
    ],
    ['held with a lost copy discards', { state: 'held', copy: 'lost' }, 'discard'],
    [
      'held with a lost copy discards even after go',
      { state: 'held', copy: 'lost', source: 'handed', verdict: 'go' },
      'discard',
    ],
    ['discards what was never held when the source thawed', { source: 'thawed' }, 'discard'],
    ['an owner opens', { state: 'owner', copy: 'ready' }, 'open'],
    ['an owner whose copy is lost opens afresh', { state: 'owner', copy: 'lost' }, 'open'],
    [
      'an owner never discards',
      { state: 'owner', copy: 'open', source: 'aborting', verdict: 'abort' },
      'finished',
    ],
    ['discarded is the end, go or not', { state: 'discarded', source: 'handed', verdict: 'go' }, 'finished'],
    [
      'a source that knows nothing of it changes nothing',
      { state: 'held', copy: 'ready', source: 'unknown' },
      'wait',
    ],
  ])('%s', (_name, view, action) => {
    expect(decideTarget(target(view)).action).toBe(action);
  });
});
