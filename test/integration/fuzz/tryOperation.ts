import fc from 'fast-check';
import type { AnswerChecker } from './checkAnswer.ts';
import type { OpenApiDocument, Operation } from './document.ts';
import { requestsOf } from './requests.ts';
import type { FuzzScene } from './scene.ts';
import type { Sender } from './send.ts';
import { ValueMaker } from './values.ts';

/** Of 100 values so many are awkward: in half of the requests, and in the others. */
const AWKWARDNESS = [0, 5];

export interface Fuzzing {
  document: OpenApiDocument;
  checker: AnswerChecker;
  sender: Sender;
  scene: FuzzScene;
  seed: number;
  /** Requests of each operation. */
  runs: number;
  /** So many were sent, of all operations. */
  sent: number;
}

let addresses = 0;
/** Rate limits count by address: another one of this machine's for each request. */
const nextAddress = () => {
  addresses += 1;
  return `127.1.${String((addresses >> 8) & 255)}.${String(addresses & 255)}`;
};

/** Each operation gets requests of its own. */
const numberOf = (name: string) =>
  [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_003, 0);

/** Sends requests of an operation until one is answered otherwise than the document says; null: none is. */
export async function tryOperation(operation: Operation, fuzzing: Fuzzing): Promise<string | null> {
  const { document, checker, sender, scene, seed } = fuzzing;
  const kinds = AWKWARDNESS.map((awkwardness) => {
    const values = new ValueMaker(document, (name) => scene.known(operation.path, name), awkwardness);
    return requestsOf(operation, values, scene.archives);
  });
  // A password takes long by design.
  const numRuns = operation.open && operation.method === 'POST' ? Math.ceil(fuzzing.runs / 3) : fuzzing.runs;
  const endsSession = operation.path.endsWith('/sign-out');
  const property = fc.asyncProperty(fc.oneof(...kinds), async (request) => {
    const isOperator = request.asker === 'operator';
    const token = endsSession && isOperator ? await scene.freshSession() : scene.tokenOf(request.asker);
    const answer = await sender.send(
      request,
      operation.open ? null : token,
      operation.open ? nextAddress() : undefined,
    );
    fuzzing.sent += 1;
    const faults = checker.faultsOf(operation, answer);
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
  const result = await fc.check(property, { seed: seed + numberOf(operation.name), numRuns });
  if (!result.failed) return null;
  const { counterexample, counterexamplePath, errorInstance } = result;
  const shown = JSON.stringify(counterexample?.[0] ?? null)?.slice(0, 1_000);
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${operation.name} (seed ${String(seed)}, path ${counterexamplePath ?? ''})\n${shown}\n${why}`;
}
