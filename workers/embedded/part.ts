/** A program of the control plane, as the supervisor runs it. */
export interface Part {
  name: string;
  /** Makes ready what the program needs (files, no leftovers); called before every start. */
  prepare(): Promise<void>;
  command(): { file: string; args: string[]; env: NodeJS.ProcessEnv };
  /** Whether it does its work. Asked again and again until it says yes; may throw for no. */
  isReady(): Promise<boolean>;
  /** Once after every start, when it is ready. */
  afterReady?(): Promise<void>;
  /** Asks for an orderly end. */
  stopSignal: NodeJS.Signals;
  /** Milliseconds for it; then SIGKILL. */
  stopTimeoutMs: number;
  /** What the kernel sends it when the supervisor dies without a word. */
  orphanSignal: NodeJS.Signals;
}
