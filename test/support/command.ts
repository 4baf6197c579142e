import { readFileSync } from 'node:fs';
import type { OutputBlock, OutputSink } from '../../src/command/output.ts';
import { type LaunchOptions, type RunningCommand, launch } from '../../src/command/launch.ts';

/** Keeps what a command writes, line by line. */
export class Lines implements OutputSink {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  partial = 0;

  output({ stream, lines, partial }: OutputBlock): undefined {
    this[stream].push(...lines.toString('utf8').slice(0, -1).split('\n'));
    if (partial) this.partial += 1;
  }
}

/** Starts a command, by default with the environment of the test. */
export function start(
  command: LaunchOptions['command'],
  sink: OutputSink = new Lines(),
  options: Partial<LaunchOptions> = {},
): RunningCommand {
  return launch({ command, env: process.env, wrap: true, report: () => {}, ...options }, sink);
}

export const shell = (script: string, sink?: OutputSink): RunningCommand => start(['sh', '-c', script], sink);

/** Fields of /proc/PID/stat: state, process group, session. `undefined` when there is no such process. */
export function processStat(pid: number): { state: string; group: number; session: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    return { state: fields[0]!, group: Number(fields[2]), session: Number(fields[3]) };
  } catch {
    return undefined;
  }
}

export const alive = (pid: number): boolean => !['Z', 'X', undefined].includes(processStat(pid)?.state);
