import { SAMPLE_WRITE_EVERY, type SampleStatus } from '../../sample/sampleProtocol.ts';

/**
 * What the sample's clock may run ahead of ours between two answers, milliseconds: time that an answer was on its way. One
 * that a restored compute gives before it is let go waits in its queue; the clocks of two devices are hours apart.
 */
const CLOCK_SLACK_MS = 60_000;

export interface TimedStatus extends SampleStatus {
  /** When it came, on our own monotonic clock, milliseconds. */
  now: number;
}

/** What is wrong with a status that came after another one, but for its counter; sentences. */
export function checkStatus(status: TimedStatus, before: TimedStatus | null): string[] {
  const behind = status.counter - status.fileCounter;
  const wrong: string[] = [];
  if (behind < 0 || behind >= SAMPLE_WRITE_EVERY) {
    wrong.push(`The file has ${status.fileCounter} while the counter is ${status.counter}.`);
  }
  if (before === null) return wrong;
  if (status.fileCounter < before.fileCounter) {
    wrong.push(`The file went back: ${status.fileCounter} after ${before.fileCounter}.`);
  }
  if (status.requests <= before.requests) {
    wrong.push(`The number of requests went back: ${status.requests} after ${before.requests}.`);
  }
  if (status.pid !== before.pid) wrong.push(`The process is another one: ${status.pid} after ${before.pid}.`);
  const theirs = status.monotonicMs - before.monotonicMs;
  const ours = status.now - before.now;
  if (theirs < 0) wrong.push(`The monotonic clock went back by ${-theirs} ms.`);
  if (theirs > ours + CLOCK_SLACK_MS)
    wrong.push(`The monotonic clock went on by ${theirs} ms within ${ours} ms.`);
  return wrong;
}
