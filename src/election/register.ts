export interface RequestOptions {
  /** Milliseconds from now after which the outcome counts as unknown. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export interface RegisterState {
  readonly data: Buffer;
  /** To write under. */
  readonly version: number;
  /** When it was written, on the scale of the fencing tokens: greater than that of each term that had begun before. */
  readonly stamp: number;
  /** Another for a register that was lost or deleted and made anew: versions, stamps and tokens may begin anew too. */
  readonly birth: string;
}

/** Data that outlives terms and candidates. Every write names the version that was read. */
export interface Register {
  /**
   * Makes the register, without data, when there is none. The answer may be an older state; a write under its version
   * is refused then. Waits for the coordinator, and tries until answered. Throws the signal's reason, GivenUpError
   * when the coordinator gave the candidate up meanwhile (a later call waits until it is back), RefusedError, and what
   * else the coordinator answers.
   */
  read(signal: AbortSignal): Promise<RegisterState>;
  /**
   * One try. Resolves with the new version. Nothing was written: VersionConflictError, GoneError (there is no
   * register), RefusedError, NotSentError (also when the candidate has not read the register since the coordinator gave
   * it up), and what else the coordinator answers. It may have been written, or may yet be: OutcomeUnknownError,
   * GivenUpError, the signal's reason.
   */
  write(data: Buffer, version: number, options: RequestOptions): Promise<number>;
}
