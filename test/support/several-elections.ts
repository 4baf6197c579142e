/**
 * A process that stands in several elections at once: `several-elections PORT KEEPER.JS LEASE...` stands under
 * `/several/1`, `/several/2` and so on, with a lease of each duration (ms; `-`: as long as the session). As leader of
 * one it runs `sleep` in a group of its own. It prints what happens as lines of JSON, and leaves an election when its
 * number is written to its stdin.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/clock.ts';
import { zookeeperSessions } from '../../src/zookeeper/session/sessions.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Election } from '../../src/election/election.ts';
import { clientChoice } from './sessions.ts';

const SESSION_MS = 40_000;
const PATIENCE_MS = 120_000;

const [port, keeperPath, ...leases] = process.argv.slice(2) as [string, string, ...string[]];
const quiet = (): void => undefined;
const logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet };
const clock = systemClock;
const sessions = zookeeperSessions({
  servers: [{ host: '127.0.0.1', port: Number(port) }],
  sessionTimeout: SESSION_MS,
  client: clientChoice,
  keeperPath,
  clock,
  logger,
  debug: false,
});
const elections = new Map<string, { readonly election: Election; readonly leave: AbortController }>();

const say = (number: string, event: string, facts: object = {}): void =>
  void process.stdout.write(`${JSON.stringify({ number, event, ...facts })}\n`);

/** Resolves when it is gone. */
function stopped(command: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    command.once('exit', () => resolve());
    command.kill('SIGKILL');
  });
}

async function serve(number: string, lease: string): Promise<void> {
  const leave = new AbortController();
  const election = createElection({
    sessions,
    clock,
    logger,
    basePath: `/several/${number}`,
    candidate: { candidateId: `c${number}`, hostname: 'here', pid: String(process.pid) },
    sessionTimeout: SESSION_MS,
    leaseDuration: lease === '-' ? undefined : Number(lease),
    stop: { onLeaseLoss: 'stop', stopSignal: 'SIGTERM', killAfter: 300, mark: () => [] },
    mixedFleet: false,
  });
  elections.set(number, { election, leave });
  while (!leave.signal.aborted) {
    const patience = { opening: PATIENCE_MS, standing: Infinity };
    const term = await election.campaign({ signal: leave.signal, patience });
    const command = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    const group = { pgid: command.pid as number, startTime: undefined };
    election.setRuns([{ runId: `${number}.${term.fencingToken}`, group, signalled: false }]);
    say(number, 'leads', { command: command.pid, token: term.fencingToken });
    await new Promise<void>((resolve) => {
      term.subscribe((event) => {
        if (event.kind === 'renewed') say(number, 'renewed');
        if (event.kind !== 'lost') return;
        say(number, 'lost', { cause: event.cause.kind });
        resolve();
      });
    });
    if (command.exitCode === null && command.signalCode === null) await stopped(command);
    election.setRuns([]);
  }
}

createInterface(process.stdin).on('line', (number) => {
  const { election, leave } = elections.get(number) ?? {};
  leave?.abort(new Error('told to leave'));
  void election?.close(PATIENCE_MS).then(() => say(number, 'left'));
});
process.stdin.unref?.();
await Promise.all(leases.map((lease, index) => serve(String(index + 1), lease).catch(() => undefined)));
