import { type Problem, problemSchema } from '../core/api/common.ts';

/** The API said no, with a problem document. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** The problem document that came with a status; when it is not Drayage's, one that says so. */
export function readProblem(
  body: unknown,
  { status, statusText }: { status: number; statusText: string },
): Problem {
  const parsed = problemSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  // A proxy's, say.
  const detail = `${String(status)} ${statusText}`.trim();
  const message = `The answer is not Drayage's: ${detail}.`;
  const causes = [{ code: 'notDrayage', message, mend: 'Check the URL.' }];
  return { type: 'about:blank', title: statusText, status, detail, causes };
}
