import { describe, expect, it } from 'vitest';
import type { TermEvent } from '../../src/election/election.ts';
import { coordinators, severalServers, type Coordinator } from './coordinator.ts';
import { eventsOf, expectWithin, type Stage, SLACK_MS, useStages } from './stage.ts';

describe.each([...coordinators, ...severalServers])('an election on %s', (_name, start) => {
  let world: Coordinator;
  let stage: Stage;

  useStages(start, (given, made) => {
    [world, stage] = [given, made];
  });

  describe('a campaign', () => {
    it('is won by whoever stands alone', async () => {
      expect(await stage.seen()).toEqual({ leader: undefined, queue: [] });
      const { candidate, term } = await stage.lead('a');
      const now = candidate.clock.now();
      expect(term.succession).toEqual({ why: 'first' });
      expect(term.leaseDuration).toBe(world.leaseDuration);
      expect(term.heartbeat).toBeLessThan(term.leaseDuration / 2);
      expect(term.deadline).toBeGreaterThan(now);
      expect(term.deadline).toBeLessThanOrEqual(now + term.leaseDuration);
      expect(term.safeUntil).toBeGreaterThan(now);
      await stage.until(async () => (await stage.seen()).leader === 'a');
      const { lease, candidates } = await world.standings();
      expect(candidates).toMatchObject([{ candidateId: 'a' }]);
      expect(lease).toMatchObject({ fencingToken: term.fencingToken });
      expect(lease?.leaderSince).toMatch(/^\d{4}-/);
    });

    it('is won in the order of the queue; who stands again stands at its end', async () => {
      const { candidate, term } = await stage.lead('a');
      const b = await stage.stand('b');
      const c = await stage.stand('c');
      expect(await stage.queueOf(3)).toEqual(['a', 'b', 'c']);
      await world.settle(stage.resign(term));
      const again = await stage.standAgain(candidate);
      await stage.until(async () => (await stage.seen()).queue.join('') === 'bca');
      for (const campaign of [b, c, again]) {
        const next = await stage.elected(campaign);
        await stage.until(async () => (await stage.seen()).leader === campaign.candidate.id);
        await world.settle(stage.resign(next));
      }
    });

    it('says in words who leads', async () => {
      await stage.lead('anna');
      const { candidate } = await stage.stand('b');
      await world.pass(world.leaseDuration / 4);
      expect(candidate.election.outlook).toContain('anna');
    });

    it('takes the duration of the lease from the candidate', async () => {
      const long = { leaseDuration: 2 * world.leaseDuration };
      const short = { leaseDuration: world.leaseDuration / 2, onLeaseLoss: 'stop' } as const;
      const { term } = await stage.lead('a', long);
      expect(term.leaseDuration).toBe(long.leaseDuration);
      const b = await stage.stand('b', short);
      await world.settle(stage.resign(term));
      const next = await stage.elected(b);
      expect(next.leaseDuration).toBe(short.leaseDuration);
      expect(next.deadline).toBeLessThanOrEqual(b.candidate.clock.now() + short.leaseDuration);
      expect(next.safeUntil).toBeLessThan(next.deadline);
    });

    it('is not begun when its signal is aborted already', async () => {
      const { election } = await world.candidate('a');
      const reason = new Error('never mind');
      const patience = { opening: 60_000, standing: Infinity };
      const campaign = election.campaign({ signal: AbortSignal.abort(reason), patience });
      expect(await stage.failure(campaign)).toBe(reason);
      expect(await stage.seen()).toEqual({ leader: undefined, queue: [] });
    });

    it('ends with the reason of its signal; the place in the queue is kept for the next campaign', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      const c = await stage.stand('c');
      const reason = new Error('not now');
      b.abort(reason);
      expect(await stage.failure(b.term)).toBe(reason);
      const again = await stage.standAgain(b.candidate);
      expect(await stage.queueOf(3)).toEqual(['a', 'b', 'c']);
      await world.settle(stage.resign(term));
      await stage.elected(again);
      expect(await stage.isElected(c)).toBe(false);
    });

    it('goes on without those that have left the queue', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      const c = await stage.stand('c');
      b.abort();
      await stage.failure(b.term);
      await world.settle(stage.close(b.candidate));
      expect(await stage.queueOf(2)).toEqual(['a', 'c']);
      await world.settle(stage.resign(term));
      await stage.elected(c);
    });

    it('goes on without those whose host has died', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      const c = await stage.stand('c');
      stage.kill(b.candidate);
      await world.settle(stage.resign(term));
      const before = c.candidate.clock.now();
      await stage.elected(c);
      expectWithin(world, c.candidate.clock.now() - before, world.leaseDuration + SLACK_MS);
    });

    it('is won within a lease’s time after the leader’s host has died', async () => {
      const a = await stage.lead('a');
      const b = await stage.stand('b');
      await world.pass(world.leaseDuration / 2);
      stage.kill(a.candidate);
      const before = b.candidate.clock.now();
      const term = await stage.elected(b);
      expectWithin(world, b.candidate.clock.now() - before, world.leaseDuration + SLACK_MS);
      expect(term.succession.from).toBe('a');
      await stage.until(async () => (await stage.seen()).leader === 'b');
    });
  });

  describe('a term', () => {
    it('lasts for as long as it is renewed: the deadline moves on, nobody else is elected', async () => {
      const { candidate, term } = await stage.lead('a');
      const b = await stage.stand('b');
      const events = eventsOf(term);
      const { deadline } = term;
      const since = (await world.standings()).lease?.leaderSince;
      await world.pass(2.5 * world.leaseDuration);
      const deadlines = events.flatMap((event) => (event.kind === 'renewed' ? [event.deadline] : []));
      expect(deadlines.length).toBeGreaterThanOrEqual(6);
      expect(deadlines).toEqual([...deadlines].sort((x, y) => x - y));
      expect(events.map(({ kind }) => kind)).not.toContain('lost');
      expect(term.deadline).toBeGreaterThan(deadline + 1.5 * world.leaseDuration);
      expect(term.deadline).toBeLessThanOrEqual(candidate.clock.now() + world.leaseDuration);
      expect(term.safeUntil).toBeGreaterThan(candidate.clock.now());
      expect(await stage.isElected(b)).toBe(false);
      const { lease } = await world.standings();
      expect(lease).toMatchObject({ fencingToken: term.fencingToken, leaderSince: since });
    });

    it('tells every listener, and the others when one of them leaves', async () => {
      const { term } = await stage.lead('a');
      const first = eventsOf(term);
      const second: TermEvent[] = [];
      const leave = term.subscribe((event) => second.push(event));
      await stage.until(() => second.length > 0);
      expect(second).toEqual(first);
      leave();
      leave();
      const known = second.length;
      await stage.until(() => first.length > known);
      expect(second).toHaveLength(known);
    });

    it('is renewed at once when asked to', async () => {
      const { candidate, term } = await stage.lead('a');
      const events = eventsOf(term);
      await stage.until(() => events.length > 0);
      await world.pass(50);
      const before = candidate.clock.now();
      const known = events.length;
      term.renew();
      await stage.until(() => events.length > known);
      expectWithin(world, candidate.clock.now() - before, term.heartbeat / 4);
      expect(events.at(-1)).toMatchObject({ kind: 'renewed' });
    });
  });

  describe('resigning', () => {
    it('lets the next in line lead within a fraction of the lease', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      await world.pass(200);
      expect(await stage.isElected(b)).toBe(false);
      const before = b.candidate.clock.now();
      const resigned = stage.resign(term);
      const next = await stage.elected(b);
      expectWithin(world, b.candidate.clock.now() - before, world.leaseDuration / 4);
      expect(await world.settle(resigned)).toBe('resigned');
      expect(next.succession).toEqual({ why: 'resigned', from: 'a' });
    });

    it('leaves nobody who leads or stands', async () => {
      const { term } = await stage.lead('a');
      await stage.until(async () => (await stage.seen()).leader === 'a');
      await world.settle(stage.resign(term));
      await stage.until(async () => (await stage.seen()).leader === undefined);
      expect(await stage.queueOf(0)).toEqual([]);
    });

    it('may be done twice, at once or when another leads: it is the same resignation', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      const both = Promise.all([stage.resign(term), stage.resign(term)]);
      expect(await world.settle(both)).toEqual(['resigned', 'resigned']);
      const next = await stage.elected(b);
      const events = eventsOf(next);
      expect(await world.settle(stage.resign(term))).toBe('resigned');
      await world.pass(world.leaseDuration);
      expect(events.map(({ kind }) => kind)).not.toContain('lost');
      expect(await stage.seen()).toEqual({ leader: 'b', queue: ['b'] });
    });

    it.each([true, false])('waits for what has to be done first, whether it is done (%s) or not', async (isDone) => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      let finish: (done: boolean) => void = () => undefined;
      const first = new Promise<boolean>((resolve) => (finish = resolve));
      const resigned = stage.resign(term, { first: () => first });
      await world.pass(world.leaseDuration / 3);
      expect(await stage.isElected(b)).toBe(false);
      finish(isDone);
      await stage.elected(b);
      expect(await world.settle(resigned)).toBe('resigned');
    });

    it('may be put off for as long as it takes, the lease being renewed; if that fails the term goes on', async () => {
      const { candidate, term } = await stage.lead('a');
      const b = await stage.stand('b');
      const events = eventsOf(term);
      const slowly = async (done: boolean): Promise<boolean> => {
        await new Promise<void>((resolve) => {
          candidate.clock.at(candidate.clock.now() + 1.5 * world.leaseDuration, resolve);
        });
        return done;
      };
      const stayed = stage.resign(term, { first: () => slowly(false), orStay: true });
      expect(await world.settle(stayed)).toBe('stayed');
      const known = events.length;
      await stage.until(() => events.length > known);
      expect(events.map(({ kind }) => kind)).not.toContain('lost');
      expect(await stage.isElected(b)).toBe(false);
      const resigned = stage.resign(term, { first: () => slowly(true), orStay: true });
      await world.pass(world.leaseDuration);
      expect(await stage.isElected(b)).toBe(false);
      expect(await world.settle(resigned)).toBe('resigned');
      await stage.elected(b);
    });
  });

  describe('leaving', () => {
    it('may be done before anything else, and again', async () => {
      const candidate = await world.candidate('a');
      for (let time = 0; time < 3; time += 1) await world.settle(stage.close(candidate, 1000));
      expect(await stage.seen()).toEqual({ leader: undefined, queue: [] });
    });

    it('takes the place in the queue along, right after the campaign was called off, and again', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      const reason = new Error('we leave');
      b.abort(reason);
      const left = Promise.all([stage.close(b.candidate), stage.close(b.candidate)]);
      expect(await stage.failure(b.term)).toBe(reason);
      await world.settle(left);
      await world.settle(stage.close(b.candidate));
      expect(await stage.queueOf(1)).toEqual(['a']);
      await world.settle(stage.resign(term));
      expect(await stage.queueOf(0)).toEqual([]);
    });

    it('ends a campaign that nobody has called off', async () => {
      const { term } = await stage.lead('a');
      const b = await stage.stand('b');
      await world.settle(stage.close(b.candidate));
      expect(await stage.failure(b.term)).toBeInstanceOf(Error);
      await world.settle(stage.resign(term));
      expect(await stage.queueOf(0)).toEqual([]);
    });

    it('leaves the lease of a leader to run out', async () => {
      const a = await stage.lead('a');
      const b = await stage.stand('b');
      const { deadline } = a.term;
      await world.settle(stage.close(a.candidate));
      await world.settle(stage.close(a.candidate));
      const before = b.candidate.clock.now();
      const term = await stage.elected(b);
      expectWithin(world, b.candidate.clock.now() - before, world.leaseDuration + SLACK_MS);
      expect(a.candidate.clock.now()).toBeGreaterThanOrEqual(deadline);
      expect(term.succession).toEqual({ why: 'expired', from: 'a' });
      expect(await stage.queueOf(1)).toEqual(['b']);
    });
  });
});
