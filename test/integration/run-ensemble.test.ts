import { beforeEach, describe, expect, it } from 'vitest';
import { isAlive, type Candidate } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';
import type { Member } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ observer: false, members: 3 });

beforeEach(() => zookeeper.restartStopped());

/** The server that the candidate's session is attached to, by its own log. */
function serverOf(candidate: Candidate): Member {
  const address = [...candidate.said('ZooKeeper session opened'), ...candidate.said('regained contact')].at(-1)?.[
    'address'
  ];
  const member = zookeeper.members.find((one) => one.address === address);
  if (member === undefined) throw new Error(`${candidate.id} is attached to ${String(address)}`);
  return member;
}

/** A candidate that leads through a server of the given kind: some start until one happens to. */
async function leaderThrough(mode: 'leader' | 'follower'): Promise<[Stage, Candidate, Member]> {
  for (;;) {
    const stage = zookeeper.stage();
    const leader = await stage.stand({ flags: { 'zookeeper-session-timeout': '4s', 'log-level': 'debug' } });
    await stage.journal.started();
    const member = serverOf(leader);
    if ((await member.mode()) === mode) return [stage, leader, member];
    await stage[Symbol.asyncDispose]();
  }
}

async function expectUndisturbed(stage: Stage, leader: Candidate): Promise<void> {
  const [start] = stage.journal.starts();
  const seen = async (): Promise<string | undefined> => (await stage.info()).leader.lastSeenTime;
  const before = await poll(seen, { what: 'a leader' });
  await poll(async () => (await seen()) !== before, { interval: 100, what: 'a renewal' });
  expect((await stage.info()).lease).toMatchObject({ holder: leader.id, fencingToken: Number(start?.token) });
  expect(stage.journal.entries()).toEqual([start]);
  expect(isAlive(start?.pid ?? 0)).toBe(true);
}

describe('three servers', () => {
  it.each(['follower', 'leader'] as const)(
    'the one that the leader is attached to, a %s, is killed: the term goes on',
    async (mode) => {
      const [stage, leader, member] = await leaderThrough(mode);
      await using _ = stage;
      await stage.stand();
      await member.stop();
      await expectUndisturbed(stage, leader);
    },
  );

  it.each(['follower', 'leader'] as const)(
    'the one that the leader is attached to, a %s, is frozen: the term goes on',
    async (mode) => {
      const [stage, leader, member] = await leaderThrough(mode);
      await using _ = stage;
      await stage.stand();
      member.pause();
      try {
        await expectUndisturbed(stage, leader);
      } finally {
        member.resume();
      }
    },
  );

  it('all of them are killed and back: the term goes on', async () => {
    const [stage, leader] = await leaderThrough('follower');
    await using _ = stage;
    await stage.stand();
    await Promise.all(zookeeper.members.map((member) => member.stop()));
    await leader.says('staying in role');
    for (const member of zookeeper.members) member.launch();
    await expectUndisturbed(stage, leader);
  });

  it('one of them is down from the start: candidates lead and follow all the same', async () => {
    await zookeeper.server.stop();
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    const standby = await stage.stand();
    await stage.journal.started();
    leader.signal('SIGTERM');
    await leader.end();
    await stage.journal.started(1, { candidate: standby.id });
  });
});
