/** One process of the control plane, or all of a kind, over one measurement. */
export interface Use {
  cpuSeconds: number;
  /** At the end, shared pages counted once. */
  memoryBytes: number;
}

/** What was measured while something went on. */
export interface Watched {
  seconds: number;
  /** By name of the process. */
  parts: Record<string, Use>;
  /** How long each read of the API took, milliseconds. */
  readsMs: number[];
  /** Heartbeats that the API answered. */
  heartbeats: number;
  /** By how much the records grew, bytes. */
  grown: { postgres: number; temporal: number };
}

/** Moves that were asked for together. */
export interface Moves {
  asked: number;
  succeeded: number;
  /** From the first request to the last end, seconds. */
  seconds: number;
  /** Of each move, from its request to its first phase, milliseconds. */
  startMs: number[];
  /** Of those that did not succeed. */
  reasons: string[];
}

/** Devices that were emptied together. */
export interface Evacuations {
  asked: number;
  /** Devices that are drained. */
  drained: number;
  /** Moves that ended well. */
  moved: number;
  seconds: number;
  /** How long each request for one took: it makes the plan, milliseconds. */
  planMs: number[];
  reasons: string[];
}

/** A statement of the database's, by the time that all of its calls took. */
export interface Statement {
  text: string;
  calls: number;
  totalMs: number;
  meanMs: number;
  plan: string[];
}

/** What was seen with so many devices. */
export interface Step {
  devices: number;
  computes: number;
  /** Devices that were ready after the moves. */
  ready: number;
  /** While nothing but heartbeats, metrics and reads went on. */
  idle: Watched;
  moving: Watched & { moves: Moves };
  /** At the last step. */
  emptying: (Watched & { evacuations: Evacuations }) | null;
  statements: Statement[];
}
