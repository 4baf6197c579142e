import type { GroupIdentity } from '../command/run-processes.ts';

/**
 * What the keeper does for one election in its supervisor's place, when that is gone without a goodbye or does not run
 * in time: it stops the runs of the command, waits until nothing of them is left, then releases lease and proposal. A
 * process that stands in several elections has a will for each. Plain data; instants in ms of CLOCK_MONOTONIC, which is
 * one clock for all processes of a host.
 */
export interface Will {
  /** Which of the process's elections: another one for each `Election` object, even for two with one base path. */
  readonly election: string;
  /** Empty: no command runs, and there is nothing to do but to release. */
  readonly commands: readonly WillCommand[];
  /** When everything has to be stopped unless a later will says otherwise; `undefined` without a lease. */
  readonly instants?: { readonly termAt: number; readonly killAt: number };
  /** The lease, with the version under which it is ours. */
  readonly lease?: { readonly path: string; readonly version: number };
  /** The znode that is its place in the queue, if there is one. */
  readonly proposal?: string | undefined;
}

/** One run of the command. */
export interface WillCommand {
  readonly runId: string;
  /** Entries of the environment (`NAME=value`) that only processes of this run carry all of. */
  readonly mark: readonly string[];
  /** The group and session that it was started in; `undefined` until then: its mark is looked for. */
  readonly group?: GroupIdentity;
  readonly stopSignal: NodeJS.Signals;
  /** From the first signal to SIGKILL, ms. */
  readonly killAfter: number;
  /** The first signal has been sent already. */
  readonly signalled: boolean;
}

/** How runs are stopped, as far as the keeper has to know it. */
interface Stop extends Pick<WillCommand, 'stopSignal' | 'killAfter'> {
  readonly mark: (runId: string) => readonly string[];
}

/** A run that lives, as its supervisor knows it. */
interface Run extends Pick<WillCommand, 'runId' | 'signalled'> {
  readonly group: GroupIdentity | undefined;
}

/** The runs as a will names them. */
export function willCommands(runs: readonly Run[], { stopSignal, killAfter, mark }: Stop): WillCommand[] {
  return runs.map(({ runId, group, signalled }) => ({
    runId,
    ...(group && { group }),
    mark: mark(runId),
    stopSignal,
    killAfter,
    signalled,
  }));
}

/**
 * The supervisor knows the instants as well, and acts on them first if it can: the keeper waits this much longer, ms.
 * That is small against the safety margin between SIGKILL and the end of the lease (100 ms at least).
 */
const PRECEDENCE_MS = 20;

/**
 * When the keeper acts on a will by itself; `undefined` when it does not. After a stop that the supervisor has begun,
 * only SIGKILL remains. Without a command only the release remains: an idle leader that stood still must not act on a
 * lease that somebody else may have.
 */
export function actsAt({ instants }: Pick<Will, 'instants'>): number | undefined {
  if (instants === undefined) return undefined;
  const { termAt, killAt } = instants;
  return termAt < killAt ? termAt + Math.min(PRECEDENCE_MS, (killAt - termAt) / 2) : killAt + PRECEDENCE_MS;
}
