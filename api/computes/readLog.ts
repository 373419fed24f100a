import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { decideLogFollowing } from '../../core/decideLogFollowing.ts';
import { engineTime, type LogEnd, type LogLine, logLineSchema } from '../../core/logLine.ts';
import { SeenLines } from '../../core/seenLines.ts';
import type { Scope } from '../../core/tenancy.ts';
import { findCompute } from '../../db/computes.ts';
import type { ApiContext } from '../context.ts';
import { askLink, reachable } from '../link.ts';

/** Between two attempts to go on with a log that has come to its end, milliseconds. */
const AGAIN_MS = 500;

/** What of a compute's log is wanted. */
export interface LogWish {
  follow: boolean;
  /** Only so many last lines. */
  tail?: number | undefined;
  since?: Date | undefined;
}

/** What a device is asked for; `since` as the engine takes it. */
interface Reading {
  follow: boolean;
  tail?: number | undefined;
  since?: string | undefined;
}

/**
 * Opens a compute's log on its device. One that is followed goes on when the compute is started again or moved, with no line
 * lost and none twice (`SeenLines` says how certain that is), and its last item says why it ends.
 * @throws DrayageError unknownCompute, deviceUnreachable, linkFailed
 */
export async function openLog(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  wish: LogWish,
  signal: AbortSignal,
): Promise<{ name: string; items: AsyncGenerator<LogLine | LogEnd> }> {
  const { compute } = await reachable(context, scope, idOrName, { running: false });
  const open = (reading: Reading) => ask(context, scope, compute.id, reading, signal);
  const begun = new Date();
  const { follow, tail } = wish;
  const since = wish.since && engineTime(wish.since.toISOString());
  const first = await open({ follow, tail, since });
  // What was written before the reader came is not wanted later either.
  const afresh = tail === undefined ? since : engineTime(begun.toISOString());
  const state = async () => (await findCompute(context.db, compute.id))?.state ?? null;
  const items = follow ? followed(first, { open, state, afresh, signal }) : linesOf(first);
  return { name: compute.name, items };
}

interface Following {
  open: (reading: Reading) => Promise<IncomingMessage>;
  state: () => Promise<Parameters<typeof decideLogFollowing>[0]['state']>;
  /** From when on to read while nothing was seen. */
  afresh: string | undefined;
  signal: AbortSignal;
}

async function* followed(
  first: IncomingMessage,
  { open, state, afresh, signal }: Following,
): AsyncGenerator<LogLine | LogEnd> {
  const seen = new SeenLines();
  let response: IncomingMessage | null = first;
  let heardAt = performance.now();
  for (;;) {
    let silent = false;
    try {
      response ??= await open({ follow: true, since: seen.since ?? afresh });
      seen.again();
      for await (const line of linesOf(response)) if (seen.isNew(line)) yield line;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DrayageError)) throw error;
      silent = response === null;
    }
    if (!silent) heardAt = performance.now();
    response = null;
    const silentMs = performance.now() - heardAt;
    const { action, reason } = decideLogFollowing({ state: await state(), silent, silentMs });
    if (action === 'end') {
      yield { end: reason };
      return;
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}

async function ask(
  context: ApiContext,
  scope: Scope,
  computeId: string,
  { follow, tail, since }: Reading,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { device } = await reachable(context, scope, computeId, { running: false });
  const query = new URLSearchParams({ follow: follow ? '1' : '0' });
  if (tail !== undefined) query.set('tail', String(tail));
  if (since !== undefined) query.set('since', since);
  return askLink(context, device, `/v1/computes/${computeId}/logs?${query.toString()}`, signal);
}

/** @throws DrayageError linkFailed when the device ends it in the middle */
async function* linesOf(response: IncomingMessage): AsyncGenerator<LogLine> {
  const lines = createInterface({ input: response, crlfDelay: Infinity });
  // Iterating over the lines does not hear that their input has failed.
  response.once('error', () => lines.close());
  response.once('aborted', () => lines.close());
  try {
    for await (const line of lines) {
      if (line === '') continue;
      // What was cut off in the middle of a line is no line.
      if (!response.complete && !line.endsWith('}')) break;
      yield logLineSchema.parse(JSON.parse(line));
    }
    if (!response.complete) throw new DrayageError(logCut, { retryable: true });
  } finally {
    response.destroy();
  }
}

const logCut = {
  code: 'linkFailed',
  message: 'The device ended the log in the middle.',
  mend: 'Read it again.',
};
