import { describe, expect, it } from 'vitest';
import type { TermEvent } from '../../src/election/election.ts';
import { UnavailableError } from '../../src/errors.ts';
import { distantCoordinators, type DistantCoordinator } from './coordinator.ts';
import { eventsOf, expectWithin, type Stage, SLACK_MS, useStages } from './stage.ts';

describe.each(distantCoordinators)('a candidate far from its coordinator, %s,', (_name, start) => {
  let world: DistantCoordinator;
  let stage: Stage;

  useStages(start, (given, made) => {
    [world, stage] = [given, made];
  });

  /** A slow machine may be back too late to keep its place over an outage: there the order does not count. */
  const inOrder = (queue: readonly string[]): readonly string[] => (world.isVirtual ? queue : queue.toSorted());

  it.each(['keep', 'stop'] as const)(
    'is followed when it is cut off, not before its lease has run out (%s)',
    async (onLeaseLoss) => {
      const a = await stage.lead('a', { onLeaseLoss });
      const events = eventsOf(a.term);
      const b = await stage.stand('b', { onLeaseLoss });
      const c = await stage.stand('c', { onLeaseLoss });
      await stage.until(() => events.length > 0);
      world.cutOff(a.candidate);
      const atCut = a.term.deadline;
      const term = await stage.elected(b);
      const { deadline } = a.term;
      // On a real machine an answer may have arrived before the cut, and be taken in after it.
      if (world.isVirtual) expect(deadline).toBe(atCut);
      expect(a.candidate.clock.now()).toBeGreaterThanOrEqual(deadline);
      expectWithin(world, a.candidate.clock.now() - deadline, SLACK_MS);
      expect(term.succession).toEqual({ why: 'expired', from: 'a' });
      world.reconnect(a.candidate);
      await stage.until(() => events.at(-1)?.kind === 'lost');
      expect(events.map(({ kind }) => kind)).toContain('unconfirmed');
      const again = await stage.standAgain(a.candidate);
      expect(await stage.queueOf(3)).toEqual(['b', 'c', 'a']);
      expect(await stage.isElected(again)).toBe(false);
      await world.settle(stage.resign(term));
      await stage.elected(c);
    },
  );

  it('is told that it leads no more, and by whom; late listeners too, one that has left is not', async () => {
    const a = await stage.lead('a');
    const events = eventsOf(a.term);
    const b = await stage.stand('b');
    world.cutOff(a.candidate);
    const next = await stage.elected(b);
    world.reconnect(a.candidate);
    await stage.until(() => events.at(-1)?.kind === 'lost');
    const lost = { kind: 'lost', cause: { kind: 'claimed', by: 'b' } };
    expect(events.at(-1)).toEqual(lost);
    expect(a.term.safeUntil).toBeLessThan(a.candidate.clock.now());
    const late = eventsOf(a.term);
    const left: TermEvent[] = [];
    a.term.subscribe((event) => left.push(event))();
    expect(late).toEqual([]);
    await stage.until(() => late.length > 0);
    expect([late, left]).toEqual([[lost], []]);
    a.term.renew();
    expect(await world.settle(stage.resign(a.term))).toBe('resigned');
    const others = eventsOf(next);
    await world.pass(world.leaseDuration);
    expect(others.map(({ kind }) => kind)).not.toContain('lost');
    expect((await stage.seen()).leader).toBe('b');
    expect(late).toEqual([lost]);
  });

  it('goes on leading when it is back before its lease has run out', async () => {
    // Time enough for a connection that is given up and made anew.
    const { candidate, term } = await stage.lead('a', { leaseDuration: 3 * world.leaseDuration });
    const events = eventsOf(term);
    const b = await stage.stand('b');
    await stage.until(() => events.length > 0);
    world.cutOff(candidate);
    await stage.until(() => events.at(-1)?.kind === 'unconfirmed');
    world.reconnect(candidate);
    await stage.until(() => events.at(-1)?.kind === 'renewed');
    await world.pass(world.leaseDuration);
    expect(events.map(({ kind }) => kind)).not.toContain('lost');
    expect(await stage.isElected(b)).toBe(false);
    expect((await world.standings()).lease?.fencingToken).toBe(term.fencingToken);
  });

  it.each(['keep', 'stop'] as const)(
    'may not act any more after it stood still while others were elected (%s)',
    async (onLeaseLoss) => {
      const a = await stage.lead('a', { onLeaseLoss });
      const events = eventsOf(a.term);
      const b = await stage.stand('b', { onLeaseLoss });
      await world.pass(world.leaseDuration / 2);
      world.freeze(a.candidate);
      const before = b.candidate.clock.now();
      await stage.elected(b);
      expectWithin(world, b.candidate.clock.now() - before, world.leaseDuration + SLACK_MS);
      expect(a.term.safeUntil).toBeLessThan(a.candidate.clock.now());
      world.thaw(a.candidate);
      await stage.until(() => events.at(-1)?.kind === 'lost');
      expect(a.term.safeUntil).toBeLessThan(a.candidate.clock.now());
      await stage.standAgain(a.candidate);
      expect(await stage.queueOf(2)).toEqual(['b', 'a']);
    },
  );

  it('keeps its role while the coordinator is away, and all others theirs', async () => {
    const { term } = await stage.lead('a');
    const b = await stage.stand('b');
    const events = eventsOf(term);
    await world.goAway();
    await world.pass(2 * world.leaseDuration);
    expect(events.at(-1)?.kind).toBe('unconfirmed');
    await world.comeBack();
    await stage.until(() => events.at(-1)?.kind === 'renewed');
    await world.pass(1.5 * world.leaseDuration);
    expect(events.map(({ kind }) => kind)).not.toContain('lost');
    expect(await stage.isElected(b)).toBe(false);
    expect((await world.standings()).lease?.fencingToken).toBe(term.fencingToken);
  });

  it('says that it could not resign while the coordinator is away; its lease runs out, it stands last', async () => {
    const { candidate, term } = await stage.lead('a');
    const b = await stage.stand('b');
    await world.goAway();
    const before = candidate.clock.now();
    const error = await stage.failure(stage.resign(term, { within: 300 }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(candidate.clock.now() - before).toBeGreaterThanOrEqual(299);
    expectWithin(world, candidate.clock.now() - before, 300 + world.leaseDuration / 2);
    await world.comeBack();
    const back = b.candidate.clock.now();
    const a = await stage.standAgain(candidate);
    const queue = await stage.queueOf(2);
    expect(inOrder(queue)).toEqual(world.isVirtual ? ['b', 'a'] : ['a', 'b']);
    await stage.elected(queue[0] === 'a' ? a : b);
    expectWithin(world, b.candidate.clock.now() - back, 2 * world.leaseDuration + SLACK_MS);
  });

  it('gives a campaign up when there was no contact for as long as its patience', async () => {
    await world.goAway();
    const candidate = await world.candidate('a');
    const before = candidate.clock.now();
    const { term } = stage.campaign(candidate, { opening: 800 });
    expect(await stage.failure(term)).toBeInstanceOf(UnavailableError);
    expect(candidate.clock.now() - before).toBeGreaterThan(700);
    expectWithin(world, candidate.clock.now() - before, 2000);
    await world.comeBack();
    await stage.elected(stage.campaign(candidate));
  });

  it('gives a campaign up that lost contact while standing by, and keeps its place for the next', async () => {
    await stage.lead('a');
    const candidate = await world.candidate('b');
    const impatient = stage.campaign(candidate, { standing: 800 });
    await world.settle(impatient.placed);
    const c = await stage.stand('c');
    await world.goAway();
    const before = candidate.clock.now();
    expect(await stage.failure(impatient.term)).toBeInstanceOf(UnavailableError);
    expectWithin(world, candidate.clock.now() - before, 2500);
    await world.comeBack();
    await stage.standAgain(candidate);
    expect(inOrder(await stage.queueOf(3))).toEqual(['a', 'b', 'c']);
    expect(await stage.isElected(c)).toBe(false);
  });
});
