/** The mark of a run: variables in the environment by which its processes are known. */
import { environmentHolds, environmentValue } from './proc.ts';

/** A run id alone may occur in two elections on one host. */
const MARKS = [
  'BALLOT_RUN_ID',
  'BALLOT_ZOOKEEPER_BASE_PATH',
  'BALLOT_ZOOKEEPER_SERVERS',
  'BALLOT_STATE_DIR',
  'BALLOT_ELECTION',
  'BALLOT_CANDIDATE_ID',
] as const;

/** The entries of a command's environment that only its run's processes have. Empty without a BALLOT_RUN_ID. */
export function markOf(env: NodeJS.ProcessEnv): string[] {
  if (env[MARKS[0]] === undefined) return [];
  return MARKS.filter((name) => env[name] !== undefined).map((name) => `${name}=${env[name]}`);
}

/** Whether a process was started by another run than the one that has this mark. */
export function carriesAnotherMark(pid: number, mark: readonly string[]): boolean {
  return environmentValue(pid, MARKS[0]) !== undefined && environmentHolds(pid, mark) === false;
}
