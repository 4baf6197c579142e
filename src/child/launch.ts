/** How a run of the command ended. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  /** The command could not be started: 127 not found, 126 not executable or any other reason. */
  | { readonly kind: 'notStarted'; readonly code: 126 | 127; readonly message: string };

/** One execution of the command: the leader of a process group and session of its own. */
export interface RunningCommand {
  /** Process id of the leader, which is the id of the group and session; `undefined` when it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when the leader has ended and was reaped. Never rejects. */
  readonly exited: Promise<Outcome>;
  /** Resolves when nothing of the process group is left (a zombie counts as gone), not before `exited`. Never rejects. */
  readonly gone: Promise<void>;
  /** Resolves when all that the command wrote has been handed to the log (wrapped), at once otherwise. Not held up by a process outside the group that keeps the pipe open. */
  readonly drained: Promise<void>;
  /** Sends a signal to the whole process group, if it is still the one that was started; does nothing when it is gone. */
  signal(signal: NodeJS.Signals): void;
}

export interface LaunchOptions {
  readonly command: readonly [string, ...string[]];
  /** The complete environment of the command. */
  readonly env: NodeJS.ProcessEnv;
  /** Log the output line by line, or let the command inherit ballot's stdout and stderr. */
  readonly wrap: boolean;
}
