export interface RequestOptions {
  /** Milliseconds from now after which the outcome counts as unknown. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export interface RegisterState {
  readonly data: Buffer;
  readonly version: number;
  readonly mzxid: number;
  readonly birth: string;
}

/** One persistent znode. Every write names the version that was read. Its user knows neither sessions nor the path. */
export interface Register {
  /**
   * Data, and the version to write under. Makes the znode (without data) when there is none. `mzxid`: the transaction
   * of the last change of the data, as `Stat.mzxid`. `birth` differs for each znode that had this path, also when an
   * ensemble that lost its data numbers its transactions anew. The answer may be an older state, from a server that
   * lags behind; a write under its version is refused then. Waits while there is no living session, and tries until
   * answered. Throws the signal's reason, SessionEndedError when the session ends meanwhile (a later call waits for the
   * next one), RefusedError, ZooKeeperError.
   */
  read(signal: AbortSignal): Promise<RegisterState>;
  /**
   * One try. Resolves with the new version. Throws BadVersionError or NoNodeError, RefusedError, ZooKeeperError
   * (nothing was written), OutcomeUnknownError or SessionEndedError (it may have been, or may yet be), NotSentError
   * (also while there is no living session, and when the last read was with another), the signal's reason (as unknown).
   */
  write(data: Buffer, version: number, options: RequestOptions): Promise<number>;
}
