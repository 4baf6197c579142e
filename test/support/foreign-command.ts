/**
 * A program of its own, for root: starts a command that changes to another user, drops its own rights, tries to stop
 * it,
 * and prints what came of it as JSON. `node scripts/run-ts.mjs test/support/foreign-command.ts`
 */
import { systemClock } from '../../src/clock.ts';
import { launch } from '../../src/command/launch.ts';
import { RunProcesses } from '../../src/command/run-processes.ts';
import { poll } from './poll.ts';

const [SUPERVISOR, OTHER] = [65_534, 65_533];
const reports: string[] = [];
let now = 0;
const report = (message: string, { processes }: Readonly<Record<string, string>>): void =>
  void reports.push(`${message}: ${processes}`);

const command = [
  'setpriv',
  '--reuid',
  String(OTHER),
  '--clear-groups',
  'sh',
  '-c',
  'echo ready; sleep 600 & wait',
] as const;
let ready = false;
const run = launch({ command, env: process.env, wrap: true, report }, { output: () => void (ready = true) });
await poll(() => ready);
process.setgroups?.([]);
process.setegid?.(SUPERVISOR);
process.seteuid?.(SUPERVISOR);
const processes = new RunProcesses({ group: run.group!, mark: [] }, report, { ...systemClock, now: () => now });
const deliveries = (['SIGTERM', 'SIGKILL', 'SIGKILL'] as const).map((signal) => processes.signal(signal));
const alive = processes.isAlive();
const first = reports.splice(0);
now = 60_000;
processes.signal('SIGKILL');
process.seteuid?.(0);
process.kill(-run.pid!, 'SIGKILL');
await run.exited;
await processes.untilGone(systemClock);
console.log(JSON.stringify({ pid: run.pid, deliveries, alive, first, aMinuteLater: reports }));
