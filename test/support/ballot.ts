import { execFile } from 'node:child_process';
import { ballotPath } from './candidate.ts';
import { clientVariable } from './sessions.ts';

export interface Ended {
  /** `null`: a signal has ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end, ms. */
  readonly took: number;
}

export interface Surroundings {
  readonly cwd?: string;
  /** All of its environment, PATH and a HOME that does not exist apart. */
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number | undefined;
  /** The only group of its process, where `uid` is given. */
  readonly gid?: number | undefined;
}

/** Runs the built `ballot` to its end. */
export function runBallot(args: readonly string[], { cwd = '/', env, uid, gid }: Surroundings = {}): Promise<Ended> {
  const from = performance.now();
  const options = {
    cwd,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...clientVariable, ...env },
    timeout: 120_000,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [ballotPath, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr, took: performance.now() - from }),
    );
  });
}
