/** What each fault of the catalogue of one host does, how it is healed, and what it waits for. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { childrenOf, isAlive } from '../../../support/candidate.ts';
import { poll } from '../../../support/poll.ts';
import type { Round } from '../round.ts';
import { PATIENCE_MS } from '../trio.ts';
import { LocalArena } from './arena.ts';
import { DraftTrap, type Written } from './draft-trap.ts';

type Strike = (round: Round) => Promise<void>;

/** So long something stays stopped, or a command that nobody stops goes on, at most, ms. */
const A_WHILE_MS = 500;

/** Every so many rounds something stays stopped for longer than leases and their looks last, ms. */
const LONG = { every: 25, ms: 5_500 } as const;

const send = (pids: readonly number[], signal: NodeJS.Signals): void =>
  pids.forEach((pid) => void process.kill(pid, signal));

async function aWhile(round: Round): Promise<void> {
  const most = round.number % LONG.every === LONG.every - 1 ? LONG.ms : 0;
  await round.pause(most, most + A_WHILE_MS);
}

function arenaOf({ trio: { arena } }: Round): LocalArena {
  if (!(arena instanceof LocalArena)) throw new Error('this election is not held on this host');
  return arena;
}

/** The leader's keeper. Waits until it has one: it is started behind the command. */
function keeperOf({ leader }: Round): Promise<number> {
  return poll(() => leader.candidate.keepers()[0], { timeout: PATIENCE_MS, what: 'a keeper' });
}

/** Stops a part of the leader's candidate for a while. */
export function stop(what: 'supervisor' | 'both' | 'all'): Strike {
  return async (round) => {
    const arena = arenaOf(round);
    const { pid } = round.leader.candidate;
    const keeper = await keeperOf(round);
    const pids = { supervisor: [pid], both: [pid, keeper], all: [pid, keeper, ...round.group()] }[what];
    round.strike(() => send(pids, 'SIGSTOP'));
    const told = (): boolean => arena.standings().leader?.notes.join().includes('is stopped by a signal') === true;
    await poll(told, { timeout: PATIENCE_MS, what: 'info to tell that the leader is stopped' });
    await aWhile(round);
    send(pids.toReversed(), 'SIGCONT');
    await aWhile(round);
  };
}

export async function killKeeper(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keeper = await keeperOf(round);
  round.strike(() => process.kill(keeper, 'SIGKILL'));
  const another = (): boolean => candidate.keepers().some((pid) => pid !== keeper);
  await poll(another, { timeout: PATIENCE_MS, what: 'another keeper' });
}

export async function stopKeeper(round: Round): Promise<void> {
  const keeper = await keeperOf(round);
  round.strike(() => process.kill(keeper, 'SIGSTOP'));
  await aWhile(round);
  process.kill(keeper, 'SIGCONT');
}

/** Throws when another run starts although the command lives. */
async function nobodyStarts(round: Round): Promise<void> {
  await aWhile(round);
  const latest = round.trio.journal.latest;
  if (latest !== round.run) throw new Error(`run ${latest.runId} started beside ${round.run.runId}`);
}

export async function stopKeeperAndKill(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keeper = await keeperOf(round);
  process.kill(keeper, 'SIGSTOP');
  round.strike(() => candidate.signal('SIGKILL'));
  await nobodyStarts(round);
  process.kill(keeper, 'SIGCONT');
  await round.next();
  await round.nothingLeft([keeper]);
}

export async function killBoth(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keeper = await keeperOf(round);
  round.strike(() => send([keeper, candidate.pid], 'SIGKILL'));
  await nobodyStarts(round);
  process.kill(-round.run.pid, 'SIGKILL');
  await round.next();
  await round.nothingLeft([keeper]);
}

export async function killAllButGrandchild(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keeper = await keeperOf(round);
  const [child] = childrenOf(round.run.pid);
  round.strike(() => send([keeper, candidate.pid, round.run.pid], 'SIGKILL'));
  await nobodyStarts(round);
  if (child === undefined || !isAlive(child)) throw new Error('the child has ended: nothing was shown');
  process.kill(child, 'SIGKILL');
  await round.next();
  await round.nothingLeft([keeper]);
}

export async function killStandby(round: Round): Promise<void> {
  const standby = round.random.pick(round.trio.members.filter((member) => member !== round.leader));
  round.strike(() => standby.candidate.signal('SIGKILL'));
  await standby.candidate.ended;
  // Somebody new comes, and removes what the dead has left.
  const left = standby.candidate.descendants();
  await round.trio.settled();
  await round.gone(left);
}

export async function killHelper(round: Round): Promise<void> {
  const arena = arenaOf(round);
  const { candidate } = round.random.pick(round.trio.members.filter((member) => member !== round.leader));
  const [helper] = childrenOf(candidate.pid).filter((pid) => commandOf(pid) === 'flock');
  if (helper === undefined) throw new Error(`nobody waits for ${candidate.id}`);
  const before = arena.standings().candidates.find(({ candidateId }) => candidateId === candidate.id);
  round.strike(() => process.kill(helper, 'SIGKILL'));
  const again = (): boolean =>
    arena
      .standings()
      .candidates.some(
        ({ candidateId, proposalNode }) => candidateId === candidate.id && proposalNode !== before?.proposalNode,
      );
  await poll(again, { timeout: PATIENCE_MS, what: 'its candidate to stand again' });
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

export const removeLock: Strike = (round) => loseLock(round, rmSync);

export const replaceLock: Strike = (round) =>
  loseLock(round, (lock) => {
    writeFileSync(`${lock}.other`, '', { mode: 0o600 });
    renameSync(`${lock}.other`, lock);
  });

/** Those that wait for the lock of the file that is gone must not lead by it. */
async function loseLock(round: Round, lose: (lock: string) => void): Promise<void> {
  const { candidate } = round.leader;
  const { lock } = arenaOf(round).folder;
  const count = candidate.said('the lease is lost').length + 1;
  round.strike(() => lose(lock));
  await candidate.says('the lease is lost', { count, timeout: PATIENCE_MS });
  await round.next();
}

/** How many writes of each kind a handover has; of tokens, when none are reserved. */
const WRITES: Readonly<Record<Written, number>> = { lease: 1, tokens: 1, registers: 3, queue: 1 };

/**
 * The leader resigns, and one of the writes that follow is its writer's last: its own, its successor's, or that of the
 * candidate which comes in its place. A supervisor that dies between the start of its command and that of its keeper
 * leaves a command that nobody stops: as an operator would, the test does.
 */
export function crashInWrite(kind: Written): Strike {
  return async (round) => {
    const { trio, random } = round;
    const arena = arenaOf(round);
    if (kind === 'tokens') arena.forgetReservations();
    using trap = new DraftTrap(arena.folder, kind, random, random.whole(1, WRITES[kind]));
    round.strike(() => round.leader.candidate.signal('SIGTERM'));
    await round.next();
    if (kind === 'queue') await trio.settled();
    // The writes behind the start.
    await round.pause(100, 200);
    const candidates = trio.members.map(({ candidate }) => candidate);
    const victim = trap.victimAmong(candidates);
    if (victim === undefined) return;
    const leadsOn = (): boolean => {
      trap.endOrphan(candidates);
      const { latest } = trio.journal;
      return latest.candidate !== victim.id && latest !== round.run && !latest.ended;
    };
    await poll(leadsOn, { timeout: PATIENCE_MS, what: 'another leader than the one that was killed' });
    // Somebody new comes, and removes what the dead has left.
    const left = victim.descendants();
    await trio.settled();
    await round.gone(left);
  };
}
