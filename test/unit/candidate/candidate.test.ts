import { describe, expect, it } from 'vitest';
import { Candidate, type CandidateParts } from '../../../src/candidate/candidate.ts';
import { CandidateClosedError, LeaseLostError, NotElectedError, ResignedError } from '../../../src/candidate/errors.ts';
import type { LeadingTerm } from '../../../src/candidate/leading-term.ts';
import { RefusedError, UnavailableError } from '../../../src/errors.ts';
import { FakeElection, type FakeTerm } from '../../support/fake-election.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** A candidate, and the election that the test decides. */
function stand(parts: Partial<CandidateParts> = {}) {
  const clock = new VirtualClock(1);
  const process = clock.process();
  const election = new FakeElection(process);
  const candidate = new Candidate({
    election,
    clock: process,
    logger: silentLogger,
    name: '/job',
    patience: 5000,
    onElectionFailure: 'retry',
    electionTimeout: undefined,
    killAfter: 10_000,
    ...parts,
  });
  const pass = (ms: number): Promise<boolean> => {
    clock.entered();
    return clock.run(clock.time + ms);
  };
  const lead = async (leaseDuration?: number): Promise<[FakeTerm, LeadingTerm]> => {
    const won = election.elect(leaseDuration);
    await pass(0);
    return [won, candidate.term as LeadingTerm];
  };
  return { clock, process, election, candidate, pass, lead };
}

/** What a promise has come to, without waiting for it. */
function outcome(promise: Promise<unknown>): { of: unknown } {
  const seen: { of: unknown } = { of: 'pending' };
  promise.then(
    (value) => (seen.of = value ?? 'resolved'),
    (error: unknown) => (seen.of = error),
  );
  return seen;
}

describe('a term', () => {
  it('tells the keeper that it leads, and leads on with each renewal', async () => {
    const { election, candidate, pass, lead } = stand();
    const [won, term] = await lead();
    expect(election.runs).toEqual([0]);
    for (let beats = 0; beats < 9; beats++) {
      await pass(1000);
      won.renew();
    }
    expect([candidate.leader, term.signal.aborted, term.fencingToken]).toEqual([true, false, 1]);
  });

  it.each([
    [10_000, 2000],
    [500, 2500],
    [0, 2850],
  ])('that is not renewed, with %d ms for the work to end, is over %d ms after the claim', async (killAfter, at) => {
    const { candidate, pass, lead } = stand({ killAfter });
    const ends: unknown[] = [];
    candidate.on('follower', (end) => ends.push(end));
    const [, term] = await lead(3000);
    await pass(at - 1);
    expect([term.signal.aborted, candidate.leader]).toEqual([false, true]);
    await pass(2);
    expect(term.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(candidate.leader).toBe(false);
    expect(ends).toEqual([term.signal.reason]);
  });

  it('that is not renewed keeps the lease for work that it does not know of, until the margin before its end', async () => {
    const { pass, lead, process } = stand();
    const [won] = await lead(3000);
    const from = process.now();
    await pass(2500);
    expect(won.resignedAt).toBeUndefined();
    await pass(500);
    expect((won.resignedAt ?? 0) - from).toBeCloseTo(2850, 0);
  });

  it('that is not renewed is given up as soon as the program says that its work has ended', async () => {
    const { pass, lead, process } = stand();
    const [won, term] = await lead(3000);
    const from = process.now();
    await pass(2100);
    expect(term.signal.aborted).toBe(true);
    void term.resign();
    await pass(0);
    expect((won.resignedAt ?? 0) - from).toBeCloseTo(2100, 0);
  });

  it('is over when its keeper may have given the lease up, however long the lease is', async () => {
    const { pass, lead } = stand();
    const [won, term] = await lead();
    won.safeUntil = -Infinity;
    expect(term.isLeading).toBe(false);
    expect(term.signal.reason).toBeInstanceOf(LeaseLostError);
    await pass(0);
  });

  it('is over by the clock after a standstill, before any timer has fired', async () => {
    const { process, candidate, pass, lead } = stand();
    const [, term] = await lead();
    process.pause();
    await pass(2500);
    expect(term.signal.aborted).toBe(false);
    expect(candidate.leader).toBe(false);
    expect(term.signal.aborted).toBe(true);
  });

  it('that is claimed by another is over at once, says by whom, and is followed by the next campaign', async () => {
    const { election, candidate, pass, lead } = stand();
    const [won, term] = await lead();
    won.emit({ kind: 'lost', cause: { kind: 'claimed', by: 'b' } });
    await pass(0);
    expect(String(term.signal.reason)).toBe('LeaseLostError: the lease of /job is lost: claimed by b');
    await pass(50);
    expect(election.campaigns).toHaveLength(2);
    const [, next] = await lead();
    expect(next).not.toBe(term);
    expect(candidate.leader).toBe(true);
  });

  it('is resigned at once by who calls resign, and stands again', async () => {
    const { election, candidate, pass, lead } = stand();
    const [won, term] = await lead();
    const resigned = outcome(term.resign());
    expect(candidate.leader).toBe(false);
    expect(term.signal.reason).toBeInstanceOf(ResignedError);
    await pass(0);
    expect([won.resignedAt !== undefined, resigned.of]).toEqual([true, 'resolved']);
    await pass(50);
    expect(election.campaigns).toHaveLength(2);
  });

  it('throws what resigning could not get acknowledged, and to nobody who does not ask', async () => {
    const { pass, lead } = stand();
    const [won, term] = await lead();
    won.resignation = Promise.reject(new UnavailableError('no answer'));
    void term.resign();
    const resigned = outcome(term.resign());
    await pass(0);
    expect(resigned.of).toBeInstanceOf(UnavailableError);
  });
});

describe('a leader that is asked to step down', () => {
  const asked = { kind: 'stepDownAsked', by: 'ops' } as const;

  it('ends its work first, then resigns and stands again', async () => {
    const { candidate, pass, lead, election } = stand();
    let endBody: () => void = () => undefined;
    void (async () => {
      for await (const _ of candidate.terms()) await new Promise<void>((resolve) => (endBody = resolve));
    })();
    const [won, term] = await lead(60_000);
    won.emit(asked);
    won.emit(asked);
    await pass(5000);
    expect(String(term.signal.reason)).toBe('SteppedDownError: the leader of /job was asked to step down by ops');
    expect([candidate.leader, won.resignedAt]).toEqual([false, undefined]);
    endBody();
    await pass(50);
    expect([won.resignedAt !== undefined, election.campaigns.length]).toEqual([true, 2]);
  });

  it.each([
    [10_000, 1000],
    [300, 300],
    [0, 0],
  ])('leaves work that is not known of its time: %d ms of kill-after are %d ms', async (killAfter, expected) => {
    const { pass, lead, process } = stand({ killAfter });
    const [won] = await lead(3000);
    const from = process.now();
    won.emit(asked);
    for (let ms = 0; ms < 1200; ms += 100) {
      await pass(100);
      won.renew();
    }
    expect((won.resignedAt ?? 0) - from).toBeCloseTo(expected, 0);
  });

  it('resigns at once when the program says that its work has ended', async () => {
    const { pass, lead } = stand();
    const [won, term] = await lead(60_000);
    won.emit(asked);
    await pass(100);
    expect(won.resignedAt).toBeUndefined();
    void term.resign();
    await pass(0);
    expect(won.resignedAt).toBeDefined();
  });
});

describe('a candidate that is closed while its term has been ended by others', () => {
  it('gives the lease up at once, if no work is known of', async () => {
    const { candidate, pass, lead } = stand();
    const [won] = await lead(60_000);
    won.emit({ kind: 'stepDownAsked', by: 'ops' });
    await pass(100);
    expect(won.resignedAt).toBeUndefined();
    const closed = outcome(candidate.close());
    await pass(10);
    expect([won.resignedAt !== undefined, closed.of]).toEqual([true, 'resolved']);
  });
});

describe('listeners', () => {
  it('are several, hear of a term that has begun, and leave one by one', async () => {
    const { candidate, pass, lead } = stand();
    const heard: string[] = [];
    const off = candidate.on('leader', () => heard.push('a'));
    candidate.on('leader', () => heard.push('b'));
    const [, term] = await lead();
    candidate.on('leader', ({ fencingToken }) => heard.push(`late ${fencingToken}`));
    const never = candidate.on('leader', () => heard.push('never'));
    never();
    off();
    await pass(0);
    expect(heard).toEqual(['a', 'b', 'late 1']);
    void term.resign();
    await pass(50);
    await lead();
    expect(heard).toEqual(['a', 'b', 'late 1', 'b', 'late 2']);
  });
});

describe('the loop over terms', () => {
  it('gets each term once; the end of its body resigns, and leaving it does', async () => {
    const { candidate, pass, lead, election } = stand();
    const tokens: number[] = [];
    const loop = outcome(
      (async () => {
        for await (const term of candidate.terms()) {
          tokens.push(term.fencingToken);
          if (tokens.length === 2) break;
        }
      })(),
    );
    const [first] = await lead();
    expect(first.resignedAt).toBeDefined();
    await pass(50);
    const [second] = await lead();
    expect(second.resignedAt).toBeDefined();
    await pass(50);
    expect([loop.of, tokens, election.campaigns.length]).toEqual(['resolved', [1, 2], 3]);
  });

  it('has its body end before the lease is given up, when the candidate is closed', async () => {
    const { candidate, pass, lead, election } = stand();
    let endBody: () => void = () => undefined;
    const loop = outcome(
      (async () => {
        for await (const term of candidate.terms())
          await new Promise<void>((resolve) => (endBody = resolve)).then(() => expect(term.signal.aborted).toBe(true));
      })(),
    );
    const [won] = await lead(60_000);
    const closed = outcome(candidate.close());
    await pass(5000);
    expect([won.resignedAt, closed.of]).toEqual([undefined, 'pending']);
    endBody();
    await pass(10);
    expect(won.resignedAt).toBeDefined();
    expect([closed.of, loop.of, election.closedAt !== undefined]).toEqual(['resolved', 'resolved', true]);
  });

  it('waits no longer than kill-after for a body that does not end', async () => {
    const { candidate, pass, lead, process } = stand({ killAfter: 700 });
    void (async () => {
      for await (const _ of candidate.terms()) await new Promise(() => undefined);
    })();
    const [won] = await lead(60_000);
    const from = process.now();
    const closed = outcome(candidate.close());
    await pass(10_000);
    expect((won.resignedAt ?? 0) - from).toBeCloseTo(700, 0);
    expect(closed.of).toBe('resolved');
  });

  it('does not stand again while the body of a term that was lost still runs', async () => {
    const { candidate, pass, lead, election } = stand();
    let endBody: () => void = () => undefined;
    void (async () => {
      for await (const _ of candidate.terms()) await new Promise<void>((resolve) => (endBody = resolve));
    })();
    const [won] = await lead();
    won.emit({ kind: 'lost', cause: { kind: 'wiped' } });
    await pass(60_000);
    expect(election.campaigns).toHaveLength(1);
    endBody();
    await pass(50);
    expect(election.campaigns).toHaveLength(2);
  });
});

describe('lead', () => {
  it('does the work as the leader, resigns when it has ended, and resolves with its result', async () => {
    const { candidate, pass, lead } = stand();
    const done = outcome(candidate.lead(async ({ fencingToken }) => fencingToken * 2));
    const [won] = await lead();
    await pass(0);
    expect([done.of, won.resignedAt !== undefined]).toEqual([2, true]);
  });

  it('is not held up by a coordinator that does not answer when the work has ended', async () => {
    const { candidate, pass, lead } = stand();
    const done = outcome(
      candidate.lead(async (term) => {
        await new Promise<void>((resolve) => (endWork = resolve));
        return term.fencingToken;
      }),
    );
    let endWork: () => void = () => undefined;
    const [won] = await lead(3_600_000);
    won.resignation = new Promise(() => undefined);
    endWork();
    await pass(2_100);
    expect(done.of).toBe('pending');
    await pass(200);
    expect(done.of).toBe(1);
  });

  it('throws what the work throws, also at once', async () => {
    const { candidate, lead } = stand();
    const bug = new Error('a bug of the work');
    const done = outcome(
      candidate.lead(() => {
        throw bug;
      }),
    );
    const [won] = await lead();
    expect([done.of, won.resignedAt !== undefined]).toEqual([bug, true]);
  });

  it('throws LeaseLostError when the lease was lost before the work had ended', async () => {
    const { candidate, pass, lead } = stand();
    const done = outcome(
      candidate.lead(async (term) => {
        await term.ended;
        return 'what was done meanwhile';
      }),
    );
    const [won] = await lead();
    won.emit({ kind: 'lost', cause: { kind: 'claimed', by: 'b' } });
    await pass(10);
    expect(done.of).toBeInstanceOf(LeaseLostError);
  });
});

describe('close', () => {
  it('ends every wait with an error that names the election', async () => {
    const { candidate, pass } = stand();
    const waits = [candidate.stands(), candidate.whenLeader(), candidate.lead(() => 1)].map(outcome);
    await pass(10);
    const closed = outcome(candidate.close());
    await pass(10);
    for (const { of } of waits) expect(of).toBeInstanceOf(CandidateClosedError);
    expect(String(waits[0]?.of)).toBe('CandidateClosedError: this candidate of /job is closed');
    expect(closed.of).toBe('resolved');
    await expect(candidate.whenLeader()).rejects.toBeInstanceOf(CandidateClosedError);
  });

  it('in the turn in which the campaign is won gives the lease up', async () => {
    const { candidate, election, pass } = stand();
    await pass(0);
    const won = election.elect();
    const closed = outcome(candidate.close());
    await pass(10);
    expect([won.resignedAt !== undefined, candidate.leader, closed.of]).toEqual([true, false, 'resolved']);
  });

  it('of one that leads resigns and leaves; a second call is the same', async () => {
    const { candidate, election, pass, lead } = stand();
    const [won, term] = await lead();
    const [first, second] = [candidate.close(), candidate.close()].map(outcome);
    expect(term.signal.reason).toBeInstanceOf(CandidateClosedError);
    await pass(10);
    expect([first?.of, second?.of, won.resignedAt !== undefined, election.closedAt !== undefined]).toEqual([
      'resolved',
      'resolved',
      true,
      true,
    ]);
  });

  it('is not held up by a coordinator that does not answer, and tells what is not acknowledged', async () => {
    const { candidate, pass, lead } = stand();
    const [won] = await lead(3_600_000);
    won.resignation = new Promise(() => undefined);
    const closed = outcome(candidate.close());
    await pass(2_100);
    expect(closed.of).toBe('pending');
    await pass(200);
    expect(String(closed.of)).toBe('UnavailableError: the lease of /job was not given up in time');
  });
});

describe('a campaign that fails', () => {
  const away = new UnavailableError('no server answers');

  it('is followed by the next one, after a pause', async () => {
    const { election, pass } = stand();
    await pass(0);
    election.campaigns[0]?.fail(away);
    await pass(40);
    expect(election.campaigns).toHaveLength(1);
    await pass(100);
    expect(election.campaigns).toHaveLength(2);
    expect(election.campaigns[1]?.options.patience).toEqual({ opening: 5000, standing: Infinity });
  });

  it.each([
    ['with on-election-failure exit', away, 'exit'],
    ['for a reason that does not pass', new RefusedError('no access'), 'retry'],
  ] as const)('ends the candidate %s: every wait throws it, and listeners are told', async (_, error, policy) => {
    const { candidate, election, pass } = stand({ onElectionFailure: policy });
    const waits = [candidate.stands(), candidate.whenLeader(), candidate.terms().next()].map(outcome);
    await pass(0);
    election.campaigns[0]?.fail(error);
    await pass(10);
    const closed: unknown[] = [];
    candidate.on('closed', (failure) => closed.push(failure));
    await pass(0);
    expect([...waits.map(({ of }) => of), ...closed]).toEqual([error, error, error, error]);
    expect(election.closedAt).toBeDefined();
  });
});

describe('limits', () => {
  it('election-timeout ends the candidate', async () => {
    const { candidate, pass, election } = stand({ electionTimeout: 700 });
    const wait = outcome(candidate.whenLeader());
    await pass(690);
    expect(wait.of).toBe('pending');
    await pass(20);
    expect(String(wait.of)).toBe('NotElectedError: not elected in /job within 700ms: b leads');
    expect(election.closedAt).toBeDefined();
  });

  it('a wait ends with its signal and its timeout, and the candidate stands on', async () => {
    const { candidate, pass, lead } = stand();
    const abort = new AbortController();
    const [byTime, bySignal] = [
      candidate.whenLeader({ timeout: 100 }),
      candidate.whenLeader({ signal: abort.signal }),
    ].map(outcome);
    await pass(110);
    expect(byTime?.of).toBeInstanceOf(NotElectedError);
    abort.abort(new Error('enough'));
    await pass(0);
    expect(String(bySignal?.of)).toBe('Error: enough');
    const [, term] = await lead();
    expect(await candidate.whenLeader()).toBe(term);
    await expect(candidate.whenLeader({ signal: abort.signal })).rejects.toThrow('enough');
  });
});
