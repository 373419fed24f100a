/** What is said on one connection: one question at a time, and the check of its answer. */
export interface Conversation {
  /** The next question's bytes. */
  ask(): string;
  /** Takes what came; true once the question has its answer. Times are milliseconds of a monotonic clock. */
  hear(bytes: Buffer, length: number, now: number): boolean;
  /** The connection has gone; `asked` when a question was open. */
  lost(asked: boolean): void;
  /** From now on ask for the counter without counting: it has to be what all answers make it. */
  settle(): void;
}

/** Where wrong answers are told. */
export type Complain = (message: string) => void;
