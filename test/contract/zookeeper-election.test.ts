import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Election, Term, TermEvent } from '../../src/election/election.ts';
import { parseLease, parseProposal, type LeaseRecord } from '../../src/zookeeper/election/record.ts';
import { encodeStepDown } from '../../src/zookeeper/election/step-down.ts';
import { askToStepDown, untilSucceeded } from '../../src/zookeeper/report/steering.ts';
import { OutcomeUnknownError } from '../../src/election/errors.ts';
import type { Session, SessionOpener } from '../../src/zookeeper/session/port.ts';
import type { Stat } from '../../src/keeper/protocol.ts';
import { sessionsWith } from '../simulation/mutations.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { ensembles, type EnsembleWorld } from './ensembles.ts';
import { rejection } from './stage.ts';
import { expectWithin } from '../support/yardstick.ts';

const BASE = '/deep/down/election';
const EMPTY = Buffer.alloc(0);
const O = { timeout: 5000 };
const TIMEOUT_MS = 1200;
const PATIENCE_MS = 60_000;

interface Standing {
  readonly election: Election;
  readonly clock: Clock;
  /** Settles when elected, or fails. */
  readonly term: Promise<Term>;
  abort(): void;
}

describe.each(ensembles)('an election on %s', (_name, start) => {
  let world: EnsembleWorld;
  let admin: Session;
  const open: (() => Promise<void>)[] = [];
  const campaigns: AbortController[] = [];

  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());
  /** Anew after an outage: a slow machine may be back too late for the session. */
  const enterAdmin = async (): Promise<void> => {
    const entered = await world.settle(world.host('admin', TIMEOUT_MS).sessions.open(O));
    open.push(() => entered.close(500));
    admin = entered;
  };
  beforeEach(async () => {
    await enterAdmin();
  });
  afterEach(async () => {
    // A campaign that goes on would stand again in the next test.
    for (const controller of campaigns.splice(0)) controller.abort(new Error('the test is over'));
    world.silence(false);
    await world.settle(Promise.all(open.splice(0).map((close) => close())));
    await world.reset();
  });

  const electionOf = (id: string, sessions: SessionOpener, clock: Clock, leaseDuration?: number): Election => {
    const election = createElection({
      sessions,
      clock,
      logger: silentLogger,
      basePath: BASE,
      candidate: { candidateId: id, hostname: `${id}.example`, pid: '1' },
      sessionTimeout: TIMEOUT_MS,
      leaseDuration,
      stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
      mixedFleet: false,
    });
    open.push(() => election.close(500));
    return election;
  };
  const candidate = (id: string, leaseDuration?: number): { election: Election; clock: Clock } => {
    const { sessions, clock } = world.host(id, TIMEOUT_MS);
    return { election: electionOf(id, sessions, clock, leaseDuration), clock };
  };
  const campaign = (election: Election, clock: Clock, patience = PATIENCE_MS): Standing => {
    const controller = new AbortController();
    campaigns.push(controller);
    const term = election.campaign({ signal: controller.signal, patience: { opening: patience, standing: patience } });
    term.catch(() => undefined); // looked at by those tests that expect it
    return { election, clock, term, abort: () => controller.abort(new Error('called off')) };
  };
  const stand = (id: string, leaseDuration?: number): Standing => {
    const { election, clock } = candidate(id, leaseDuration);
    return campaign(election, clock);
  };
  const elected = (standing: Standing): Promise<Term> => world.settle(standing.term);
  const isElected = async (standing: Standing): Promise<boolean> => {
    let won = false;
    void standing.term.then(
      () => (won = true),
      () => undefined,
    );
    await world.pass(0);
    return won;
  };
  const children = () => world.settle(admin.children(BASE, O));
  const proposals = async () => (await children()).filter((name) => name.startsWith('proposal-')).sort();
  /** Waits for as many proposals. */
  const queueOf = async (count: number): Promise<string[]> => {
    for (let waited = 0; waited <= 20_000; waited += 10) {
      const queue = await proposals().catch(() => []);
      if (queue.length === count) return queue;
      await world.pass(10);
    }
    throw new Error(`in vain for a queue of ${count}`);
  };
  const lease = async (): Promise<LeaseRecord | undefined> => {
    const parsed = parseLease((await world.settle(admin.get(BASE, O))).data);
    return parsed.kind === 'held' ? parsed.record : undefined;
  };
  const writeLease = (data: Buffer) => world.settle(admin.set(BASE, data, -1, O));
  /** Makes the base path as an earlier candidate left it. */
  const prepare = async (data: Buffer): Promise<void> => {
    for (const path of ['/deep', '/deep/down', BASE]) await world.settle(admin.create(path, EMPTY, 'persistent', O));
    if (data.length > 0) await writeLease(data);
  };
  const eventsOf = (term: Term): TermEvent[] => {
    const events: TermEvent[] = [];
    term.subscribe((event) => events.push(event));
    return events;
  };
  const until = async (condition: () => boolean, ms = 10_000): Promise<void> => {
    for (let waited = 0; !condition(); waited += 10) {
      if (waited > ms) throw new Error(`in vain for ${ms} ms`);
      await world.pass(10);
    }
  };

  it('is won by whoever stands alone; the base path is made with its parents, lease and proposal name the leader', async () => {
    const a = stand('a');
    const term = await elected(a);
    const [proposal, ...others] = await proposals();
    expect(others).toEqual([]);
    expect(term.leaseDuration).toBe(TIMEOUT_MS);
    expect(term.succession).toEqual({ why: 'first' });
    await world.pass(TIMEOUT_MS / 2); // the first renewal puts the token on record
    const record = await lease();
    expect(record).toMatchObject({
      candidateId: 'a',
      hostname: 'a.example',
      pid: '1',
      proposalNode: `${BASE}/${proposal}`,
      sessionTimeout: '1.2s',
      leaseDuration: '1.2s',
      fencingToken: term.fencingToken,
    });
    const { data, stat } = await world.settle(admin.get(`${BASE}/${proposal}`, O));
    expect(stat.ephemeralOwner).not.toBe('0');
    expect(parseProposal(data)).toMatchObject({ record: { candidateId: 'a', proposalTime: record?.proposalTime } });
  });

  it('names the run in the lease with the next renewal', async () => {
    const a = stand('a');
    await elected(a);
    a.election.setRuns([{ runId: 'run-7', group: undefined, signalled: false }]);
    await world.pass(TIMEOUT_MS);
    expect((await lease())?.runId).toBe('run-7');
    a.election.setRuns([]);
    await world.pass(TIMEOUT_MS);
    expect((await lease())?.runId).toBeUndefined();
  });

  it('resigning empties the lease and deletes the proposal, and may be done twice', async () => {
    const term = await elected(stand('a'));
    await world.pass(TIMEOUT_MS);
    await world.settle(Promise.all([term.resign(), term.resign()]));
    await world.settle(term.resign());
    expect((await world.settle(admin.get(BASE, O))).data).toEqual(EMPTY);
    expect(await queueOf(0)).toEqual([]);
  });

  it('says that the lease was claimed by somebody else, and by whom', async () => {
    const term = await elected(stand('a'));
    const events = eventsOf(term);
    await world.pass(100);
    const usurper = { ...(await lease()), candidateId: 'z', proposalNode: `${BASE}/proposal-0000000099` };
    await writeLease(Buffer.from(JSON.stringify(usurper)));
    await until(() => events.at(-1)?.kind === 'lost');
    expect(events.at(-1)).toEqual({ kind: 'lost', cause: { kind: 'claimed', by: 'z' } });
    const late = eventsOf(term);
    expect(late).toEqual([]);
    await until(() => late.length > 0);
    expect(late).toEqual([{ kind: 'lost', cause: { kind: 'claimed', by: 'z' } }]);
    await world.settle(term.resign());
    expect((await lease())?.candidateId).toBe('z');
  });

  it('says that the election was wiped', async () => {
    const term = await elected(stand('a'));
    const events = eventsOf(term);
    // The leader takes a new place as soon as it misses its own: once is not always enough.
    for (let wiped = false; !wiped;) {
      const deletions = (await children()).map((name) => admin.delete(`${BASE}/${name}`, -1, O));
      wiped = await world.settle(
        Promise.all([...deletions, admin.delete(BASE, -1, O)]).then(
          () => true,
          () => false,
        ),
      );
    }
    await until(() => events.at(-1)?.kind === 'lost');
    expect(events.at(-1)).toEqual({ kind: 'lost', cause: { kind: 'wiped' } });
  });

  it('stands at the end of the queue after a term that was lost', async () => {
    const a = stand('a');
    const term = await elected(a);
    const events = eventsOf(term);
    await world.pass(100);
    const [first] = await proposals();
    await writeLease(Buffer.from('{}'));
    await until(() => events.at(-1)?.kind === 'lost');
    const again = await elected(campaign(a.election, a.clock));
    expect(again.fencingToken).toBeGreaterThan(term.fencingToken);
    const queue = await proposals();
    expect(queue).toHaveLength(1);
    expect(queue).not.toContain(first);
  });

  it('leaves no proposal behind when a campaign is called off and the election is closed', async () => {
    const term = await elected(stand('a'));
    const b = stand('b');
    await queueOf(2);
    b.abort();
    expect(String(await world.settle(rejection(b.term)))).toContain('called off');
    await world.settle(b.election.close(3000));
    expect(await proposals()).toHaveLength(1);
    await world.settle(term.resign());
    expect(await queueOf(0)).toEqual([]);
  });

  it.each([
    ['of Go’s ballot', { sessionTimeout: '1.5s' }, 1500],
    ['with a duration of its own', { sessionTimeout: '20s', leaseDuration: '700ms' }, 700],
  ])(
    'waits until the lease %s of a dead leader has been unchanged for its duration',
    async (_kind, fields, duration) => {
      const record = {
        candidateId: 'dead',
        hostname: 'h',
        pid: '1',
        proposalTime: '2026-11-21 03:06:35.479168679 +0000 UTC m=+1.95',
      };
      const proposalNode = `${BASE}/proposal-0000000000`;
      await prepare(
        Buffer.from(JSON.stringify({ ...record, ...fields, proposalNode, lastSeenTime: record.proposalTime })),
      );
      const a = stand('a');
      const before = a.clock.now();
      await elected(a);
      expect(a.clock.now() - before).toBeGreaterThan(duration - 150);
      expectWithin(a.clock.now() - before, duration + 700);
    },
  );

  it.each([
    ['not JSON', Buffer.from('not JSON at all')],
    ['a list', Buffer.from('[1, 2, 3]')],
    ['of wrong types', Buffer.from('{"candidateId": 7, "proposalNode": null}')],
    ['binary', Buffer.from([0, 1, 2, 255, 254])],
    ['huge', Buffer.alloc(900_000, 'x')],
  ])('waits for a lease that is %s like for any other, then claims it', async (_what, rubbish) => {
    const { election, clock } = candidate('a');
    // The ensemble's clock counts from the write: a host that was slow meanwhile waits for less.
    const before = clock.now();
    await prepare(rubbish);
    const begin = clock.now();
    await elected(campaign(election, clock));
    expect(clock.now() - before).toBeGreaterThan(TIMEOUT_MS - 150);
    expectWithin(clock.now() - begin, TIMEOUT_MS + 1000);
    await world.pass(100);
    expect((await lease())?.candidateId).toBe('a');
  });

  it('is not disturbed by children that are no proposals', async () => {
    await prepare(EMPTY);
    for (const name of ['config', 'aaa', 'proposal-', 'proposal-1', 'proposal-00000000001', 'zzz', 'runs'])
      await world.settle(admin.create(`${BASE}/${name}`, EMPTY, 'persistent', O));
    const term = await elected(stand('a'));
    const b = stand('b');
    await queueOf(5);
    await world.settle(term.resign());
    await elected(b);
  });

  /** What a leader has left that is gone: its lease, and its place in the queue for as long as its session lasts. */
  const leaveBehind = async (leaseDuration: string): Promise<string> => {
    await prepare(EMPTY);
    const proposalNode = await world.settle(admin.create(`${BASE}/proposal-`, EMPTY, 'ephemeral-sequential', O));
    const [proposalTime, lastSeenTime] = ['2026-11-21 03:06:35 +0000 UTC', '2026-11-21 03:06:35 +0000 UTC'];
    const record = {
      candidateId: 'dead',
      hostname: 'h',
      pid: '1',
      proposalTime,
      sessionTimeout: '1.2s',
      leaseDuration,
    };
    await writeLease(Buffer.from(JSON.stringify({ ...record, lastSeenTime, proposalNode })));
    return proposalNode.slice(BASE.length + 1);
  };

  it('deletes the place in the queue of the leader whose lease it has taken over', async () => {
    const former = await leaveBehind('700ms');
    const a = stand('a');
    await elected(a);
    await queueOf(1);
    expect(await proposals()).not.toContain(former);
  });

  it('takes a lease over at once that has not changed for its duration by the ensemble’s clock', async () => {
    const former = await leaveBehind('6s');
    await world.settle(admin.delete(`${BASE}/${former}`, -1, O));
    await world.pass(6500);
    const a = stand('a');
    const before = a.clock.now();
    expect((await elected(a)).succession).toEqual({ why: 'expired', from: 'dead' });
    const took = a.clock.now() - before;
    if (world.isVirtual) expect(took).toBeLessThan(1_000);
    else expectWithin(took, 6_000);
  });

  it('gives the leader its time to renew after an outage, also when it has no place in the queue', async () => {
    const a = stand('a');
    const term = await elected(a);
    const events = eventsOf(term);
    const b = stand('b');
    const [first] = await queueOf(2);
    // The leader takes a new place with its next heartbeat: behind b, which is the first then.
    await world.settle(admin.delete(`${BASE}/${first}`, -1, O));
    for (let queue = await queueOf(2); queue.includes(first ?? '');) queue = await queueOf(2);
    await world.pass(TIMEOUT_MS);
    for (let outage = 0; outage < 2; outage += 1) {
      await world.goDown();
      await world.pass(1.5 * TIMEOUT_MS);
      await world.comeBack();
      await until(() => events.at(-1)?.kind === 'renewed');
      await world.pass(TIMEOUT_MS);
    }
    expect(events.some((event) => event.kind === 'lost')).toBe(false);
    expect(await isElected(b)).toBe(false);
  });

  /** Stands with a session whose first write of the lease is replaced by `fate`. */
  const standWith = (id: string, fate: (write: () => Promise<Stat>) => Promise<Stat>): Standing => {
    const { sessions, clock } = world.host(id, TIMEOUT_MS);
    let isFirst = true;
    const changed = sessionsWith((session) => ({
      set: (path, data, version, options) => {
        const write = (): Promise<Stat> => session.set(path, data, version, options);
        if (path !== BASE || !isFirst) return write();
        isFirst = false;
        return fate(write);
      },
    })).sessions(sessions);
    return campaign(electionOf(id, changed, clock), clock);
  };

  it('is not won by a claim of a lease that somebody else has claimed since it was read', async () => {
    await prepare(EMPTY);
    const usurper = { candidateId: 'z', hostname: 'h', pid: '1', proposalTime: '', sessionTimeout: '20s' };
    const record = { ...usurper, proposalNode: `${BASE}/proposal-0000000099`, lastSeenTime: '' };
    const a = standWith('a', async (write) => {
      await admin.set(BASE, Buffer.from(JSON.stringify(record)), -1, O);
      return write();
    });
    await queueOf(1);
    await world.pass(TIMEOUT_MS);
    expect(await isElected(a)).toBe(false);
    expect((await lease())?.candidateId).toBe('z');
  });

  it('is won at once by a claim whose reply was lost', async () => {
    const a = standWith('a', async (write) => {
      await write();
      throw new OutcomeUnknownError('set', BASE, 'the reply was lost');
    });
    const { fencingToken, succession } = await elected(a);
    // Not after its own claim has run out.
    expect(succession).toEqual({ why: 'first' });
    const { stat } = await world.settle(admin.get(BASE, O));
    // The token is the transaction of the claim, not of the write that has confirmed it.
    expect(fencingToken).toBeLessThan(stat.mzxid);
    expect((await lease())?.fencingToken).toBe(fencingToken);
  });

  it('is won by a claim that was on its way for long, and came just before it was made again', async () => {
    let late: (() => Promise<Stat>) | undefined;
    const { sessions, clock } = world.host('a', TIMEOUT_MS);
    const changed = sessionsWith((session) => ({
      set: async (path, data, version, options) => {
        const write = (): Promise<Stat> => session.set(path, data, version, options);
        if (path !== BASE) return write();
        if (late === undefined) {
          late = write;
          throw new OutcomeUnknownError('set', path, 'no answer');
        }
        await late().catch(() => undefined);
        return write();
      },
    })).sessions(sessions);
    const a = campaign(electionOf('a', changed, clock), clock);
    expect((await elected(a)).succession).toEqual({ why: 'first' });
    expect((await lease())?.candidateId).toBe('a');
  });

  it('says that the lease was claimed by somebody else, also after a renewal in doubt', async () => {
    let inDoubt = false;
    const { sessions, clock } = world.host('a', TIMEOUT_MS);
    const changed = sessionsWith((session) => ({
      set: async (path, data, version, options) => {
        if (path !== BASE || !inDoubt) return session.set(path, data, version, options);
        inDoubt = false;
        const usurper = { ...(JSON.parse(String(data)) as LeaseRecord), candidateId: 'z' };
        await admin.set(BASE, Buffer.from(JSON.stringify(usurper)), -1, O);
        throw new OutcomeUnknownError('set', path, 'the reply was lost');
      },
    })).sessions(sessions);
    const a = campaign(electionOf('a', changed, clock), clock);
    const events = eventsOf(await elected(a));
    inDoubt = true;
    await until(() => events.at(-1)?.kind === 'lost');
    expect(events.at(-1)).toEqual({ kind: 'lost', cause: { kind: 'claimed', by: 'z' } });
    expect((await lease())?.candidateId).toBe('z');
  });

  it('is watched by the next in line without a look at the queue, heartbeat after heartbeat', async () => {
    await elected(stand('a'));
    let looks = 0;
    const { sessions, clock } = world.host('b', TIMEOUT_MS);
    const counting = sessionsWith((session) => ({
      children: (path, options) => {
        looks += 1;
        return session.children(path, options);
      },
    })).sessions(sessions);
    campaign(electionOf('b', counting, clock), clock);
    await queueOf(2);
    await world.pass(TIMEOUT_MS);
    const before = looks;
    expect(before).toBeGreaterThan(0);
    await world.pass(2.5 * TIMEOUT_MS);
    expect(looks).toBe(before);
  });

  it('takes over from a leader that is cut off, not before its lease has run out', async () => {
    const a = stand('a');
    await elected(a);
    const b = stand('b');
    await queueOf(2);
    await world.pass(100);
    // A foreign write with the same content stands for the last renewal of a leader that then falls silent.
    const { data } = await world.settle(admin.get(BASE, O));
    await world.settle(a.election.close(1000));
    await writeLease(data);
    const before = b.clock.now();
    expect((await elected(b)).succession).toEqual({ why: 'expired', from: 'a' });
    expect(b.clock.now() - before).toBeGreaterThan(TIMEOUT_MS - 150);
    expectWithin(b.clock.now() - before, TIMEOUT_MS + 700);
  });

  describe('a request to step down', () => {
    const request = (fencingToken: number): Buffer => encodeStepDown({ fencingToken, by: 'ops', time: 'now' });
    const ask = (fencingToken: number) => world.settle(admin.set(`${BASE}/step-down`, request(fencingToken), -1, O));
    const isMade = async (): Promise<void> => {
      for (let waited = 0; !(await children()).includes('step-down'); waited += 10) {
        if (waited > 10_000) throw new Error('in vain for the znode');
        await world.pass(10);
      }
    };
    const hears = (events: readonly TermEvent[]): boolean => events.some(({ kind }) => kind === 'stepDownAsked');

    it('is told to the leader whose term it names, again with each renewal', async () => {
      const term = await elected(stand('a'));
      const events = eventsOf(term);
      await isMade();
      await ask(term.fencingToken);
      await until(() => hears(events));
      expect(events.find(({ kind }) => kind === 'stepDownAsked')).toEqual({ kind: 'stepDownAsked', by: 'ops' });
      events.length = 0;
      await until(() => hears(events));
      expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(['renewed', 'stepDownAsked']);
    });

    it('is nothing to a leader of another term, and a later one for its own term is heard', async () => {
      const term = await elected(stand('a'));
      const events = eventsOf(term);
      await isMade();
      for (const other of [term.fencingToken - 1, term.fencingToken + 1]) await ask(other);
      await world.settle(admin.set(`${BASE}/step-down`, Buffer.from('what is this?'), -1, O));
      await until(() => events.some(({ kind }) => kind === 'renewed'));
      expect(hears(events)).toBe(false);
      await ask(term.fencingToken);
      await until(() => hears(events));
    });

    /** A term, and the next one with what happens in it. */
    const successors = async () => {
      const before = await elected(stand('a'));
      await isMade();
      const next = stand('b');
      await queueOf(2);
      await world.settle(before.resign());
      const term = await elected(next);
      return { before, term, events: eventsOf(term) };
    };

    it('that comes too late is nothing to the next leader', async () => {
      const { before, events } = await successors();
      await ask(before.fencingToken);
      await until(() => events.filter(({ kind }) => kind === 'renewed').length === 2);
      expect(hears(events)).toBe(false);
    });

    it('that was there before the leader looked is heard', async () => {
      const { term, events } = await successors();
      await ask(term.fencingToken);
      await until(() => hears(events));
      expect(hears(events)).toBe(true);
    });

    it('is heard on the connection that follows one that broke, and in an election whose znode was deleted', async () => {
      const term = await elected(stand('a'));
      const events = eventsOf(term);
      await isMade();
      await world.goDown();
      await world.comeBack();
      await until(() => events.at(-1)?.kind === 'renewed');
      await enterAdmin();
      await world.settle(admin.delete(`${BASE}/step-down`, -1, O));
      await isMade();
      expect(hears(events)).toBe(false);
      await ask(term.fencingToken);
      await until(() => hears(events));
    });

    it('costs a term one read', async () => {
      const a = await elected(stand('a'));
      await isMade();
      const seen: string[] = [];
      const { sessions, clock } = world.host('b', TIMEOUT_MS);
      const counting = sessionsWith((session) => ({
        getWatched: (path, options) => {
          if (path.endsWith('/step-down')) seen.push(path);
          return session.getWatched(path, options);
        },
      })).sessions(sessions);
      const b = campaign(electionOf('b', counting, clock), clock);
      await queueOf(2);
      await world.pass(TIMEOUT_MS);
      expect(seen).toEqual([]);
      await world.settle(a.resign());
      const events = eventsOf(await elected(b));
      await until(() => events.filter(({ kind }) => kind === 'renewed').length === 3);
      expect(seen).toEqual([`${BASE}/step-down`]);
    });
  });

  describe('an operator who asks for it', () => {
    /** An operator whose first write of the request is replaced by `fate`. */
    const operator = async (fate?: (write: () => Promise<Stat>) => Promise<Stat>) => {
      const { sessions, clock } = world.host('operator', TIMEOUT_MS);
      let isFirst = true;
      const changed = sessionsWith((session) => ({
        set: (path, data, version, options) => {
          const write = (): Promise<Stat> => session.set(path, data, version, options);
          if (!path.endsWith('/step-down') || !isFirst || fate === undefined) return write();
          isFirst = false;
          return fate(write);
        },
      })).sessions(sessions);
      const session = await world.settle(changed.open(O));
      open.push(() => session.close(500));
      const { signal } = new AbortController();
      return { session, clock, basePath: BASE, signal, watchUntil: Infinity };
    };
    const requested = async () => (await world.settle(admin.get(`${BASE}/step-down`, O))).stat.version;
    /** A leader that has made the znode. */
    const leader = async (id: string) => {
      const standing = stand(id);
      const term = await elected(standing);
      const events = eventsOf(term);
      for (let waited = 0; !(await children()).includes('step-down'); waited += 10) await world.pass(10);
      return { ...standing, term, events };
    };
    const lost = (): Promise<Stat> => Promise.reject(new OutcomeUnknownError('set', BASE, 'the reply was lost'));
    const hears = (events: readonly TermEvent[]): boolean => events.some(({ kind }) => kind === 'stepDownAsked');

    it.each([
      ['was applied', async (write: () => Promise<Stat>) => write().then(lost)],
      ['was not', lost],
    ])('is heard once when the reply to a request is lost that %s', async (_what, fate) => {
      const { term, events } = await leader('a');
      const asked = await world.settle(askToStepDown(await operator(fate), 'ops'));
      expect(asked).toEqual({
        leader: { candidateId: 'a', hostname: 'a.example', fencingToken: term.fencingToken },
        by: 'ops',
        isTooLate: false,
      });
      expect(await requested()).toBe(1);
      await until(() => hears(events));
    });

    it('finds a request that came late, just before it was made again', async () => {
      const { events } = await leader('a');
      let late: (() => Promise<Stat>) | undefined;
      const { sessions, clock } = world.host('operator', TIMEOUT_MS);
      const changed = sessionsWith((session) => ({
        set: async (path, data, version, options) => {
          const write = (): Promise<Stat> => session.set(path, data, version, options);
          if (late === undefined) {
            late = write;
            return lost();
          }
          await late().catch(() => undefined);
          return write();
        },
      })).sessions(sessions);
      const session = await world.settle(changed.open(O));
      open.push(() => session.close(500));
      const { signal } = new AbortController();
      const inspection = { session, clock, basePath: BASE, signal, watchUntil: Infinity };
      expect(await world.settle(askToStepDown(inspection, 'ops'))).toMatchObject({ by: 'ops', isTooLate: false });
      expect(await requested()).toBe(1);
      await until(() => hears(events));
    });

    it('says that it came too late when the lead changed hands meanwhile; the next leader is not asked', async () => {
      const a = await leader('a');
      const b = stand('b');
      await queueOf(2);
      const inspection = await operator(async (write) => {
        await a.term.resign();
        await b.term;
        return write();
      });
      const asked = await world.settle(askToStepDown(inspection, 'ops'));
      expect(asked).toMatchObject({ leader: { candidateId: 'a' }, isTooLate: true });
      const events = eventsOf(await elected(b));
      await until(() => events.filter(({ kind }) => kind === 'renewed').length === 2);
      expect(hears(events)).toBe(false);
      expect(await world.settle(untilSucceeded(inspection, asked.leader))).toMatchObject({
        next: { candidateId: 'b' },
      });
    });

    it('does not know what became of a request that nobody answers, and says so', async () => {
      const { term } = await leader('a');
      const late = new AbortController();
      const inspection = await operator(async () => {
        late.abort(new Error('no answer in time'));
        return lost();
      });
      const failure = await world.settle(
        rejection(askToStepDown({ ...inspection, signal: AbortSignal.any([late.signal]) }, 'ops')),
      );
      expect(String(failure)).toContain(`a on a.example was to be asked to end term ${term.fencingToken}`);
      expect(String(failure)).toContain('it is not known whether the request was written');
    });

    it('waits for the next leader, or until nobody stands', async () => {
      const a = await leader('a');
      const b = stand('b');
      await queueOf(2);
      const inspection = await operator();
      const asked = await world.settle(askToStepDown(inspection, 'ops'));
      let isOver = false;
      const next = untilSucceeded(inspection, asked.leader).finally(() => (isOver = true));
      await world.pass(TIMEOUT_MS);
      expect(isOver).toBe(false);
      await world.settle(a.term.resign());
      expect(await world.settle(next)).toMatchObject({ next: { candidateId: 'b' } });
      const term = await elected(b);
      const nobody = untilSucceeded(inspection, {
        candidateId: 'b',
        hostname: 'b.example',
        fencingToken: term.fencingToken,
      });
      await world.settle(term.resign());
      expect(await world.settle(nobody)).toEqual({ next: undefined });
    });
  });

  it('elects anew when the ensemble comes back without its data', async () => {
    const a = stand('a');
    const term = await elected(a);
    const events = eventsOf(term);
    await world.goDown();
    await world.pass(100);
    await world.comeBack({ wiped: true });
    await until(() => events.at(-1)?.kind === 'lost', 20_000);
    expect(events.at(-1)).toEqual({ kind: 'lost', cause: { kind: 'wiped' } });
    await elected(campaign(a.election, a.clock));
  });
});
