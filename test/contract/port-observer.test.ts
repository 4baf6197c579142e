/** What those may ask of an election who do not stand in it. */
import { describe, expect, it } from 'vitest';
import type { TermEvent } from '../../src/election/election.ts';
import type { Observer } from '../../src/election/observer.ts';
import { coordinators, type Candidate, type Coordinator } from './coordinator.ts';
import { eventsOf, type Stage, useStages } from './stage.ts';

describe.each(coordinators)('one who does not stand, on %s', (_name, start) => {
  let world: Coordinator;
  let stage: Stage;
  let end: AbortController;

  useStages(start, (given, made) => {
    [world, stage] = [given, made];
    end = new AbortController();
  });

  const observer = (): Promise<Observer> => world.observer(end.signal);
  const ask = async <T>(question: (of: Observer) => Promise<T>): Promise<T> =>
    world.settle(question(await world.settle(observer())));
  const leads = async (candidateId: string): Promise<boolean> =>
    (await ask((of) => of.whoLeads({ candidateId, hostname: 'elsewhere', isThorough: true }))).leads;
  const requestOf = (events: readonly TermEvent[]): TermEvent | undefined =>
    events.find(({ kind }) => kind === 'stepDownAsked');
  const hears = (events: readonly TermEvent[]): boolean => requestOf(events) !== undefined;
  const renewals = (events: readonly TermEvent[]): number => events.filter(({ kind }) => kind === 'renewed').length;
  const succeeds = ({ id }: Candidate) => ({ next: { candidateId: id } });

  it('sees that nobody is there, and makes nothing', async () => {
    const sight = await ask((of) => of.see('runs'));
    expect(sight.deserted).toMatchObject({ exists: false, wasHeld: false });
    expect(sight).toMatchObject({ report: { leader: undefined, candidates: [] }, register: Buffer.alloc(0) });
    expect(await ask((of) => of.participants())).toEqual([]);
    const answer = await ask((of) => of.whoLeads({ candidateId: 'a', hostname: 'here', isThorough: true }));
    expect(answer).toMatchObject({ leads: false, warnings: [expect.stringMatching(/^no candidate a stands in \//)] });
    await expect(ask((of) => of.askToStepDown('ops'))).rejects.toThrow(/^nobody leads: there is no (znode|folder) \//);
    expect((await ask((of) => of.see('runs'))).deserted).toMatchObject({ exists: false });
  });

  it('is told who leads and who stands', async () => {
    await stage.lead('a');
    await stage.stand('b');
    await stage.until(async () => leads('a'));
    expect(await leads('b')).toBe(false);
    const all = await ask((of) => of.participants());
    expect(all.map(({ candidateId, leads: isLeader }) => [candidateId, isLeader])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    const { report, deserted } = await ask((of) => of.see('runs'));
    expect(deserted).toBeUndefined();
    expect(report.lease?.leadsFor).toBeGreaterThanOrEqual(0);
    expect(report.candidates.map(({ standsFor = -1 }) => standsFor >= 0)).toEqual([true, true]);
  });

  it('is told that nobody leads once the leader has resigned', async () => {
    const { candidate, term } = await stage.lead('a');
    await stage.until(async () => leads('a'));
    await world.settle(stage.resign(term));
    await world.settle(candidate.election.close(1_000));
    expect(await leads('a')).toBe(false);
    expect((await ask((of) => of.see('runs'))).deserted).toMatchObject({ exists: true, wasHeld: true });
    await expect(ask((of) => of.askToStepDown('ops'))).rejects.toThrow(/^nobody leads \/.*: the lease is vacant$/);
  });

  it('asks the leader to step down, which hears it at once, and again with each renewal', async () => {
    const { candidate, term } = await stage.lead('a');
    const events = eventsOf(term);
    const asked = await ask((of) => of.askToStepDown('ops'));
    expect(asked).toMatchObject({ leader: { candidateId: candidate.id }, by: 'ops', isTooLate: false });
    expect(asked.leader.fencingToken).toBe(term.fencingToken);
    await stage.until(() => hears(events));
    expect(requestOf(events)).toEqual({ kind: 'stepDownAsked', by: 'ops' });
    await stage.until(() => events.filter(({ kind }) => kind === 'stepDownAsked').length > 1);
  });

  it('is told who has asked before', async () => {
    await stage.lead('a');
    await ask((of) => of.askToStepDown('first'));
    expect(await ask((of) => of.askToStepDown('second'))).toMatchObject({ by: 'first', isTooLate: false });
  });

  it('asks one term: the next leader does not hear of it, though the request was never heard', async () => {
    const { candidate, term } = await stage.lead('a');
    const b = await stage.stand('b');
    const asked = await ask((of) => of.askToStepDown('ops'));
    await world.settle(stage.resign(term));
    const events = eventsOf(await stage.elected(b));
    await stage.until(() => renewals(events) === 2);
    expect(hears(events)).toBe(false);
    expect(asked.leader.candidateId).toBe(candidate.id);
    expect(await ask((of) => of.untilSucceeded(asked.leader))).toMatchObject(succeeds(b.candidate));
  });

  it('waits for the next leader, or until nobody stands', async () => {
    const a = await stage.lead('a');
    const b = await stage.stand('b');
    const { leader } = await ask((of) => of.askToStepDown('ops'));
    let isOver = false;
    const next = observer().then((of) => of.untilSucceeded(leader).finally(() => (isOver = true)));
    await world.pass(world.leaseDuration);
    expect(isOver).toBe(false);
    await world.settle(stage.resign(a.term));
    expect(await world.settle(next)).toMatchObject(succeeds(b.candidate));
    const term = await stage.elected(b);
    const { leader: second } = await ask((of) => of.askToStepDown('ops'));
    const nobody = observer().then((of) => of.untilSucceeded(second));
    await world.settle(stage.resign(term));
    for (const { election } of [a.candidate, b.candidate]) await world.settle(election.close(1_000));
    expect(await world.settle(nobody)).toEqual({ next: undefined });
  });

  it('waits no longer than it may', async () => {
    await stage.lead('a');
    const { leader } = await ask((of) => of.askToStepDown('ops'));
    const waiting = observer().then((of) => of.untilSucceeded(leader));
    const reason = new Error('it takes too long');
    end.abort(reason);
    await expect(world.settle(waiting)).rejects.toBe(reason);
  });
});
