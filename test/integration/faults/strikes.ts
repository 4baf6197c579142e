/** What each fault of the catalogue does, how it is healed, and what it waits for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from '../../support/poll.ts';
import type { Direction } from '../../support/proxy.ts';
import type { Round } from './round.ts';
import { PATIENCE_MS } from './trio.ts';

export async function kill(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keepers = candidate.keepers();
  round.strike(() => candidate.signal('SIGKILL'));
  await round.next();
  await round.nothingLeft(keepers);
}

export async function term(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keepers = candidate.keepers();
  round.strike(() => candidate.signal('SIGTERM'));
  await round.next();
  await candidate.end(PATIENCE_MS);
  await round.nothingLeft(keepers);
}

export async function stand(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const keepers = candidate.keepers();
  round.strike(() => candidate.signal('SIGSTOP'));
  await round.next();
  await round.pause(0, 2000);
  candidate.signal('SIGCONT');
  await round.gone(keepers.concat(round.group()));
}

/** The supervisor wakes up around the instant at which its keeper acts. */
export async function standBriefly(round: Round): Promise<void> {
  const { candidate } = round.leader;
  round.strike(() => candidate.signal('SIGSTOP'));
  await round.pause(1800, 4200);
  candidate.signal('SIGCONT');
  await round.nextWithin(3000);
}

export async function loseKeeper(round: Round, signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
  const { candidate } = round.leader;
  const [keeper] = candidate.keepers();
  const regained = candidate.said('regained contact').length;
  round.strike(() => process.kill(keeper as number, signal));
  await candidate.says('regained contact', { count: regained + 1, timeout: PATIENCE_MS });
  await round.gone([keeper as number]);
  // Two heartbeats by the new one.
  await sleep(2700);
}

export const blackHole =
  (direction: Direction) =>
  async (round: Round): Promise<void> => {
    const { proxy } = round.leader;
    round.strike(() => proxy?.blackHole(direction));
    await round.next();
    await round.pause(0, 2000);
    proxy?.forward();
  };

/** The network heals around the instant at which the command is stopped and the lease runs out. */
export async function blackHoleBriefly(round: Round): Promise<void> {
  const { proxy } = round.leader;
  round.strike(() => proxy?.blackHole('both'));
  await round.pause(1500, 4500);
  proxy?.forward();
  await round.nextWithin(4500);
}

export async function allAway(round: Round): Promise<void> {
  const { server } = round.zookeeper;
  round.strike(() => process.kill(server.pid as number, 'SIGKILL'));
  await sleep(8000);
  await server.restart();
}

export async function memberStops(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const address = [...candidate.log].findLast((line) => ADDRESS.some((text) => line.msg.includes(text)))?.['address'];
  const member = round.zookeeper.members.find((one) => one.address === address);
  if (member === undefined) throw new Error(`${candidate.id} is connected to ${String(address)}`);
  const regained = candidate.said('regained contact').length;
  round.strike(() => member.pause());
  try {
    await candidate.says('regained contact', { count: regained + 1, timeout: PATIENCE_MS });
    await sleep(2700);
  } finally {
    member.resume();
  }
  await member.ready();
}

/** Log lines that tell where a candidate is connected. */
const ADDRESS = ['ZooKeeper session opened', 'regained contact'];

export async function ensembleLeaderStops(round: Round): Promise<void> {
  const member = await round.zookeeper.leader();
  round.strike(() => member.pause());
  try {
    await sleep(6000);
  } finally {
    member.resume();
  }
  await member.ready();
}

/** Cut off for as long as the server keeps its session, and then back. */
export async function expired(round: Round): Promise<void> {
  const { proxy } = round.leader;
  const before = await round.trio.queue();
  const own = before[0];
  round.strike(() => proxy?.refuse());
  await round.next();
  await poll(async () => !(await round.trio.queue()).includes(own as string), {
    timeout: PATIENCE_MS,
    what: 'the end of the session of the one that is cut off',
  });
  await round.pause(0, 500);
  proxy?.forward();
}

export async function allExpired(round: Round): Promise<void> {
  const { members } = round.trio;
  round.strike(() => {
    for (const { proxy } of members) proxy?.refuse();
  });
  await poll(async () => (await round.trio.queue()).length === 0, {
    timeout: PATIENCE_MS,
    what: 'the end of all three sessions',
  });
  // Whoever of them is back first may have the role: the servers were there all the while, and know that nobody led.
  round.leader.proxy?.forward();
  await poll(async () => (await round.trio.queue()).length === 1, {
    timeout: PATIENCE_MS,
    what: 'the leader’s new proposal',
  });
  for (const each of members) each.proxy?.forward();
  // For as long as the standbys would wait, and then some.
  await sleep(5000);
}

/**
 * As much of a host as one can stop from outside of it: supervisor, keeper and command, thawed in the worst order, the
 * command first.
 *
 * Not kept: that only one command runs. Nobody on a frozen host can stop what is frozen with him, so between the thaw
 * and the moment at which supervisor or keeper run again the command goes on beside its successor: that is the late
 * writer which storage has to refuse by its token. Kept: its token is lower than the successor's; supervisor and keeper
 * find their instants passed and kill it as soon as they run.
 */
export async function hostStops(round: Round): Promise<void> {
  const { candidate } = round.leader;
  const pids = [candidate.pid, ...candidate.keepers(), ...round.group()];
  await round.strike(() => round.freeze(pids));
  const next = await round.next();
  if (next.token <= round.run.token) throw new Error(`the token fell from ${round.run.token} to ${next.token}`);
  await round.pause(0, 2000);
  // A host wakes up in any order: the command first is the worst.
  await round.thaw(pids.toReversed());
}

/**
 * The leader is cut off, and the server comes back without its data: nothing there tells of the lease, but the others
 * remember that there was one.
 */
export async function wiped(round: Round): Promise<void> {
  const { server } = round.zookeeper;
  round.strike(() => round.leader.proxy?.blackHole('both'));
  await server.restart({ wipe: true });
  await round.next();
  await round.pause(0, 2000);
  round.leader.proxy?.forward();
}
