/**
 * Candidates of Go's ballot and ours in one election, by what is on the wire. Go's is played: same records, same order,
 * same waits, a journalled command.
 */
import { describe, expect, it } from 'vitest';
import type { ZNode } from '../../../src/zookeeper/session/port.ts';
import type { Candidate } from '../../support/candidate.ts';
import { readAsGo } from '../../support/go-reader.ts';
import { poll } from '../../support/poll.ts';
import { within } from '../../support/sessions.ts';
import { useZooKeeper, type Stage } from '../../support/stage.ts';
import { expectWithin } from '../../support/yardstick.ts';
import { GoCandidate } from '../faults/go-candidate.ts';
import { renewals } from './measures.ts';

/** Session timeout of both kinds: as long does Go's lease last, and it is renewed every half of it. */
const SESSION_MS = 4000;

const zookeeper = useZooKeeper();

const go = (stage: Stage, id = 'go'): Promise<GoCandidate> =>
  GoCandidate.enter(zookeeper, stage.basePath, id, stage.journal.command());

/** One of ours, in the queue. */
const ours = (stage: Stage, id = 'ours', mixed = true): Promise<Candidate> =>
  stage.stand({ id, flags: mixed ? { 'mixed-fleet': 'true' } : {} });

/** A leader of Go's that has renewed its lease since ours came to stand behind it. */
async function goBeforeOurs(stage: Stage): Promise<GoCandidate> {
  const leader = await go(stage);
  await stage.journal.started(1, { candidate: 'go' });
  await ours(stage);
  await renewals(stage, 1);
  return leader;
}

const lease = (stage: Stage): Promise<ZNode> => zookeeper.observer.get(stage.basePath, within);

async function proposalOf(stage: Stage, id: string): Promise<ZNode> {
  for (const name of (await stage.election())?.proposals ?? []) {
    const node = await zookeeper.observer.get(`${stage.basePath}/${name}`, within);
    if (readAsGo(node.data)['candidateId'] === id) return node;
  }
  throw new Error(`no proposal of ${id}`);
}

describe.concurrent("ours behind a leader of Go's", () => {
  it('stands by for as long as that renews every half of its session timeout', async () => {
    await using stage = zookeeper.stage();
    const leader = await go(stage);
    await stage.journal.started(1, { candidate: 'go' });
    const standby = await ours(stage);
    expect(await standby.says('standing by, next in line')).toMatchObject({ leader: 'go', host: 'go-host' });
    await renewals(stage, 3);
    expect(stage.journal.starts('ours')).toEqual([]);
    expect(leader.failure).toBeUndefined();
    await leader.resign();
  });

  it('takes over after its crash when the lease was silent for its session timeout, and not before', async () => {
    await using stage = zookeeper.stage();
    const leader = await goBeforeOurs(stage);
    await leader.crash();
    const last = await lease(stage);
    const start = await stage.journal.started(1, { candidate: 'ours' });
    const silent = start.time * 1000 - last.stat.mtime;
    expect(silent).toBeGreaterThan(SESSION_MS - 2);
    // The proposal of the crashed one goes with its session, which the server rounds up to its ticks.
    expectWithin(silent, SESSION_MS + 5000);
  });

  it('takes over after its resignation in the usual way (the record stays in the lease) not before that has run out', async () => {
    await using stage = zookeeper.stage();
    const leader = await goBeforeOurs(stage);
    await leader.resign();
    const last = await lease(stage);
    expect(last.data.length).toBeGreaterThan(0);
    const start = await stage.journal.started(1, { candidate: 'ours' });
    expect(start.time * 1000 - last.stat.mtime).toBeGreaterThan(SESSION_MS - 2);
    expectWithin(start.time * 1000 - last.stat.mtime, SESSION_MS + 5000);
  });

  it('takes over at once when its resignation has emptied the lease', async () => {
    await using stage = zookeeper.stage();
    const leader = await goBeforeOurs(stage);
    await leader.resign();
    const at = Date.now();
    await zookeeper.observer.set(stage.basePath, Buffer.alloc(0), -1, within);
    expectWithin((await stage.journal.started(1, { candidate: 'ours' })).time * 1000 - at, SESSION_MS / 2);
  });
});

describe.concurrent("ours leads before a candidate of Go's, with mixed-fleet", () => {
  it('renews the lease in words that Go reads, never rewrites its proposal, and is followed at once', async () => {
    await using stage = zookeeper.stage();
    const leader = await ours(stage);
    await stage.journal.started(1, { candidate: 'ours' });
    const follower = await go(stage);
    const proposal = await proposalOf(stage, 'ours');
    for (let beat = 0; beat < 4; beat++) {
      await renewals(stage, 1);
      const record = readAsGo((await lease(stage)).data);
      expect(Object.keys(record)).toEqual([
        ...['candidateId', 'hostname', 'pid', 'proposalTime', 'proposalNode', 'sessionTimeout', 'lastSeenTime'],
      ]);
      expect(record).toMatchObject({ candidateId: 'ours', pid: String(leader.pid), sessionTimeout: '4s' });
    }
    expect(await proposalOf(stage, 'ours')).toEqual(proposal);
    expect(proposal.stat.version).toBe(0);
    expect(follower.driven).toBe(0);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    const at = Date.now();
    await stage.journal.started(1, { candidate: 'go' });
    // Go looks at the lease every half of its timeout; it is empty, so it need not wait for it.
    expectWithin(Date.now() - at, SESSION_MS);
    expect(follower).toMatchObject({ driven: 0, failure: undefined });
    await follower.resign();
  });

  it.each(['crash', 'resign'] as const)(
    'after having stood by and taken over from a %s: Go behind it was never driven out of the queue',
    async (how) => {
      await using stage = zookeeper.stage();
      const first = await go(stage, 'go1');
      await stage.journal.started(1, { candidate: 'go1' });
      await ours(stage);
      const last = await go(stage, 'go2');
      const proposal = await proposalOf(stage, 'ours');
      await renewals(stage, 1);
      await first[how]();
      await stage.journal.started(1, { candidate: 'ours' });
      await renewals(stage, 2);
      expect((await proposalOf(stage, 'ours')).stat).toEqual(proposal.stat);
      expect(last).toMatchObject({ driven: 0, leads: false, failure: undefined });
      await last.resign();
    },
  );

  it('is what mixed-fleet is for: without it Go takes a heartbeat for a failed election', async () => {
    await using stage = zookeeper.stage();
    await ours(stage, 'ours', false);
    await stage.journal.started(1, { candidate: 'ours' });
    const follower = await go(stage);
    await poll(() => follower.driven > 0, { what: 'Go to be driven out' });
    await follower.resign();
  });

  it('crashes with its host: Go leads when the lease has run out by its reckoning', async () => {
    await using stage = zookeeper.stage();
    const leader = await ours(stage);
    await stage.journal.started(1, { candidate: 'ours' });
    const follower = await go(stage);
    await renewals(stage, 1);
    leader.kill();
    const last = await lease(stage);
    const start = await stage.journal.started(1, { candidate: 'go' });
    expect(start.time * 1000 - last.stat.mtime).toBeGreaterThan(SESSION_MS - 2);
    await follower.resign();
  });
});

describe.concurrent('ballot info in a mixed fleet', () => {
  it('shows both kinds, in the order of the queue', async () => {
    await using stage = zookeeper.stage();
    const leader = await go(stage);
    await stage.journal.started(1, { candidate: 'go' });
    await ours(stage);
    const { leader: shown, candidates, lease: held } = await stage.info();
    expect(shown).toMatchObject({ candidateId: 'go', notes: expect.arrayContaining(['is leader']) as string[] });
    expect(candidates.map(({ candidateId }) => candidateId)).toEqual(['go', 'ours']);
    expect(held).toMatchObject({ state: 'held', holder: 'go' });
    await leader.resign();
  });
});
