/** The library as a program uses it: on a real server, from the built package. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Candidate, ElectOptions, Term } from '../../src/index.ts';
import { encodeStepDown } from '../../src/zookeeper/election/step-down.ts';
import { childrenOf, electionAt, isAlive } from '../support/candidate.ts';
import { useFolder } from '../support/hooks.ts';
import { library, libraryUrl, moduleOf, Program } from '../support/library.ts';
import { poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { clientChoice, keepers, serversOf, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const zookeeper = useZooKeeper({ alone: true });
const folder = useFolder('library');
const servers = (): string => zookeeper.connectString;

let paths = 0;
/** An election of its own for each test. */
const newPath = (): string => `/library/${++paths}`;

const standing: Candidate[] = [];
afterEach(async () => {
  await Promise.all(standing.splice(0).map((candidate) => candidate.close()));
  await poll(() => ownKeepers() === 0, { what: 'no keeper left' });
});

async function elect(zookeeperBasePath: string, candidateId: string, options: ElectOptions = {}): Promise<Candidate> {
  const common = { zookeeperServers: servers(), zookeeperClient: clientChoice, zookeeperSessionTimeout: '10s' };
  const candidate = await library.elect({ ...common, zookeeperBasePath, candidateId, ...options });
  standing.push(candidate);
  return candidate;
}

/** Keepers besides that of the observer. */
const ownKeepers = (): number => keepers().length - 1;

/** What a rejected promise says. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => new Error(`resolved to ${String(value)}`),
    (error: unknown) => error,
  );

describe('candidates of one process', () => {
  it('lead one after the other, in the order of the queue, each with a greater token', async () => {
    const path = newPath();
    const [a, b, c] = [await elect(path, 'a'), await elect(path, 'b'), await elect(path, 'c')];
    const first = await a.whenLeader();
    expect([a.leader, b.leader, c.leader, a.term === first]).toEqual([true, false, false, true]);
    expect((await b.participants()).map(({ candidateId, leads }) => [candidateId, leads])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ]);
    const [heard, heardToo]: [unknown[], unknown[]] = [[], []];
    a.on('follower', (end) => heard.push(end));
    a.on('follower', (end) => heardToo.push(end));
    await first.resign();
    const second = await b.whenLeader();
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(heard).toEqual([first.signal.reason]);
    expect(heardToo).toEqual(heard);
    expect(first.signal.reason).toBeInstanceOf(library.ResignedError);
    // It stands again, at the end.
    await poll(async () => (await c.participants()).map(({ candidateId }) => candidateId).join('') === 'bca');
    expect(await b.close()).toBeUndefined();
    await c.whenLeader();
  });

  it('share one session and one keeper, however many elections; none is left when the last is closed', async () => {
    const candidates = await Promise.all(Array.from({ length: 10 }, (_, index) => elect(newPath(), `c${index}`)));
    await Promise.all(candidates.map((candidate) => candidate.whenLeader()));
    expect(ownKeepers()).toBe(1);
    const sessions = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const path = `/library/${paths - index}`;
        const [proposal] = (await electionAt(zookeeper.observer, path))?.proposals ?? [];
        return (await zookeeper.observer.exists(`${path}/${proposal}`, within))?.ephemeralOwner;
      }),
    );
    expect(new Set(sessions).size).toBe(1);
    await Promise.all(candidates.slice(1).map((candidate) => candidate.close()));
    expect([ownKeepers(), candidates[0]?.leader]).toEqual([1, true]);
  });

  it('have one id each', async () => {
    const path = newPath();
    const first = await elect(path, 'a');
    const error = await failure(elect(path, 'a'));
    expect(error).toBeInstanceOf(library.AlreadyStandingError);
    expect(String(error)).toContain(`a stands in ${path} already, in this program`);
    await first.close();
    await (await elect(path, 'a')).whenLeader();
  });
});

describe('a request to step down', () => {
  it('ends the work of the term first; then another leads, and the candidate stands at the end', async () => {
    const path = newPath();
    const [a, b, c] = [await elect(path, 'a'), await elect(path, 'b'), await elect(path, 'c')];
    const log: string[] = [];
    b.on('leader', () => log.push('b leads'));
    const working = (async () => {
      for await (const { signal } of a.terms()) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        log.push(String(signal.reason));
        await new Promise((resolve) => setTimeout(resolve, 200));
        log.push('a has ended');
      }
    })();
    const { fencingToken } = await a.whenLeader();
    const request = encodeStepDown({ fencingToken, by: 'the test', time: '' });
    await poll(async () => (await zookeeper.observer.exists(`${path}/step-down`, within)) !== undefined);
    await zookeeper.observer.set(`${path}/step-down`, request, -1, within);
    await b.whenLeader();
    expect(log).toEqual([
      `SteppedDownError: the leader of ${path} was asked to step down by the test`,
      'a has ended',
      'b leads',
    ]);
    await poll(async () => (await c.participants()).map(({ candidateId }) => candidateId).join('') === 'bca');
    await a.close();
    await working;
  });
});

describe('lead', () => {
  it('runs pieces of work one at a time, and resolves with what each has done', async () => {
    const [path, log]: [string, string[]] = [newPath(), []];
    const work =
      (name: string) =>
      async ({ fencingToken }: Term): Promise<number> => {
        log.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        log.push(`${name} ends`);
        return fencingToken;
      };
    const options = (candidateId: string): ElectOptions => ({
      zookeeperServers: servers(),
      zookeeperClient: clientChoice,
      zookeeperBasePath: path,
      candidateId,
    });
    const tokens = await Promise.all(['a', 'b', 'c'].map((id) => library.lead(options(id), work(id))));
    expect(log.map((line) => line.split(' ')[1])).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends']);
    expect(new Set(tokens).size).toBe(3);
    await expect(
      library.lead(options('d'), () => {
        throw new Error('a bug of the work');
      }),
    ).rejects.toThrow('a bug of the work');
  });
});

describe('what is given', () => {
  it('is checked as a whole: every problem is told at once', async () => {
    const error = await failure(
      library.elect({
        election: 'a/b',
        candidatId: 'x',
        zookeeperSessionTimeout: '5',
        leaseDuration: -1,
        mixedFleet: 'perhaps',
        onElectionFailure: 'give-up',
        zookeeperServers: 7,
        signal: 'stop',
        logger: console.log,
      } as unknown as ElectOptions),
    );
    expect(error).toBeInstanceOf(library.ConfigurationError);
    const { problems } = error as InstanceType<typeof library.ConfigurationError>;
    const names = ['candidatId', 'election', 'leaseDuration', 'logger', 'mixedFleet', 'onElectionFailure', 'signal'];
    expect(new Set(problems.map((problem) => /^option (\w+): /.exec(problem)?.[1]))).toEqual(
      new Set([...names, 'zookeeperServers', 'zookeeperSessionTimeout']),
    );
    expect(problems.join('\n')).toContain('option candidatId: unknown option (did you mean candidateId?)');
  });

  it.each([
    [
      'together',
      { leaseDuration: '20s', mixedFleet: true },
      /zookeeper-session-timeout 5s .* must be at least lease-duration 20s/,
    ],
    ['as no object', 7, /7 is no object of options/],
    [
      'for a command that there is not',
      { onElectionFailure: 'run-anyway' },
      /there is no command to run without leadership/,
    ],
    ['twice', { election: 'a', zookeeperBasePath: '/b' }, /give one of the two/],
  ])('is refused %s', async (_, options, message) => {
    await expect(library.elect(options as ElectOptions)).rejects.toThrow(message);
  });
});

describe('an ensemble that is away', () => {
  it('fails elect where that is asked for, and says so', async () => {
    const [port] = await freePorts(1);
    const options = {
      zookeeperServers: `127.0.0.1:${port}`,
      zookeeperSessionTimeout: 1000,
      onElectionFailure: 'exit',
    } as const;
    const error = await failure(library.elect(options));
    expect(error).toBeInstanceOf(library.UnavailableError);
    expect(String(error)).toContain(`127.0.0.1:${port}`);
  });

  it('is waited for until the signal is aborted', async () => {
    const [port] = await freePorts(1);
    const stop = new AbortController();
    const electing = failure(library.elect({ zookeeperServers: `127.0.0.1:${port}`, signal: stop.signal }));
    setTimeout(() => stop.abort(new Error('enough')), 100);
    expect(String(await electing)).toBe('Error: enough');
  });

  it('ends a term by its signal while the lease still lasts', async () => {
    await using own = await startZooKeeper();
    const candidate = await library.elect({
      zookeeperServers: serversOf(own).map(({ host, port }) => `${host}:${port}`),
      zookeeperClient: clientChoice,
      zookeeperSessionTimeout: '4s',
      zookeeperBasePath: '/own',
    });
    standing.push(candidate);
    const term = await candidate.whenLeader();
    const aborted = new Promise<number>((resolve) =>
      term.signal.addEventListener('abort', () => resolve(performance.now()), { once: true }),
    );
    const from = performance.now();
    own.server.pause();
    // The last renewal was sent before: a lease of 4 s ends for the work after two thirds of it.
    expectWithin((await aborted) - from, 4000);
    expect(term.signal.reason).toBeInstanceOf(library.LeaseLostError);
    expect(candidate.leader).toBe(false);
    own.server.resume();
    expect((await candidate.whenLeader()).fencingToken).toBeGreaterThan(term.fencingToken);
  });
});

describe('close', () => {
  it('ends every wait, whichever it is', async () => {
    const path = newPath();
    const [a, b] = [await elect(path, 'a'), await elect(path, 'b')];
    const term = await a.whenLeader();
    const waits = [b.whenLeader(), b.whenLeader({ timeout: 600_000 }), b.terms().next()];
    const looks = [failure(b.participants()), failure(b.participants({ timeout: 600_000 }))];
    const [closed, again] = [b.close(), b.close()];
    await expect(waits[0]).rejects.toBeInstanceOf(library.CandidateClosedError);
    await expect(waits[1]).rejects.toBeInstanceOf(library.CandidateClosedError);
    expect(await waits[2]).toEqual({ done: true, value: undefined });
    for (const look of [...looks, failure(b.participants())])
      expect(await look).toBeInstanceOf(library.CandidateClosedError);
    expect([await closed, await again]).toEqual([undefined, undefined]);
    const [resigned, left] = [term.resign(), a.close()];
    await resigned;
    expect(await left).toBeUndefined();
    await expect(a.whenLeader()).rejects.toThrow(`this candidate of ${path} is closed`);
  });

  it('lets the body of the loop end first', async () => {
    const path = newPath();
    const [a, b] = [await elect(path, 'a'), await elect(path, 'b')];
    const log: string[] = [];
    const loop = (async () => {
      for await (const { signal } of a.terms()) {
        log.push('begins');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        await new Promise((resolve) => setTimeout(resolve, 300));
        log.push('ends');
      }
    })();
    b.on('leader', () => log.push('b leads'));
    await poll(() => log.length > 0);
    await Promise.all([a.close(), loop]);
    await b.whenLeader();
    expect(log).toEqual(['begins', 'ends', 'b leads']);
  });
});

describe('a program', () => {
  const options = (path: string, id: string): string =>
    JSON.stringify({
      zookeeperServers: servers(),
      zookeeperClient: clientChoice,
      zookeeperBasePath: path,
      candidateId: id,
      zookeeperSessionTimeout: '30s',
    });

  it('that only imports the library starts nothing, and ends', async () => {
    await using program = new Program(moduleOf(folder, 'imports', "say('ready', Object.keys(ballot).length);"));
    await program.says('ready');
    expect(childrenOf(program.child.pid as number)).toEqual([]);
    expect(await program.ended).toBe(0);
  });

  it('ends by itself once its candidates are closed, and nothing of it is left', async () => {
    const text = `
      process.on('unhandledRejection', (error) => say('unhandled', String(error)));
      const first = await ballot.elect(${options(newPath(), 'a')});
      const second = await ballot.elect(${options(newPath(), 'b')});
      await first.whenLeader();
      for await (const term of second.terms()) break;
      second.whenLeader({ timeout: 60000 }).catch((error) => say('told', error.name));
      await second.close();
      await first[Symbol.asyncDispose]();
      say('closed');`;
    await using program = new Program(moduleOf(folder, 'ends', text));
    await program.says('closed');
    expect(await program.ended).toBe(0);
    expect(program.said.map(({ event }) => event)).not.toContain('unhandled');
  });

  it('that is killed leaves its lease to the next at once', async () => {
    const path = newPath();
    const text = `const candidate = await ballot.elect(${options(path, 'killed')});
      await candidate.whenLeader(); say('leads');`;
    await using program = new Program(moduleOf(folder, 'killed', text));
    await program.says('leads');
    const next = await elect(path, 'next', { zookeeperSessionTimeout: '30s' });
    const [keeper = 0] = childrenOf(program.child.pid as number);
    const from = performance.now();
    program.child.kill('SIGKILL');
    await next.whenLeader();
    // Nobody has waited for the lease of 30 s.
    expect(performance.now() - from).toBeLessThan(20_000);
    await poll(() => !isAlive(keeper), { what: 'the end of the keeper' });
  });

  it('that stood still knows by the clock that it leads no more', async () => {
    const path = newPath();
    const text = `
      const candidate = await ballot.elect({ ...${options(path, 'stopped')}, leaseDuration: '1s' });
      const term = await candidate.whenLeader();
      say('leads');
      let last = performance.now();
      // Looks at every turn, as a busy loop would: when the process goes on, no timer has fired yet.
      const look = () => {
        const now = performance.now();
        if (now - last > 1000) return say('goes on', term.isLeading, candidate.leader, term.signal.aborted);
        last = now;
        setImmediate(look);
      };
      look();`;
    await using program = new Program(moduleOf(folder, 'stopped', text));
    await program.says('leads');
    const next = await elect(path, 'next', { leaseDuration: '1s' });
    program.child.kill('SIGSTOP');
    await next.whenLeader();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    program.child.kill('SIGCONT');
    expect(await program.says('goes on')).toEqual([false, false, true]);
  });

  it('may start processes and open files: the client of ZooKeeper is in a process of its own', async () => {
    const text = `
      import { execFileSync } from 'node:child_process';
      import { closeSync, openSync } from 'node:fs';
      const inherited = () => execFileSync('sh', ['-c', 'echo /proc/self/fd/*'], { encoding: 'utf8' }).trim();
      const before = inherited();
      const candidate = await ballot.elect({ ...${options(newPath(), 'busy')}, leaseDuration: '3s' });
      const term = await candidate.whenLeader();
      const lists = new Set();
      const until = performance.now() + 4000;
      for (let round = 0; performance.now() < until; round += 1) {
        const files = Array.from({ length: 20 }, () => openSync('/dev/null'));
        lists.add(inherited());
        for (const file of files) closeSync(file);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      say('still leads', term.isLeading, before, [...lists]);
      await candidate.close();`;
    await using program = new Program(moduleOf(folder, 'busy', text));
    const [leads, before, lists] = await program.says('still leads');
    expect(leads).toBe(true);
    // A process of its own has no descriptor of the library's.
    expect(lists).toEqual([before]);
    expect(await program.ended).toBe(0);
  });

  it('whose bundle has no keeper beside it is told what to do', async () => {
    const bundle = join(folder, 'bundle.mjs');
    writeFileSync(bundle, readFileSync(new URL(libraryUrl), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''));
    const bundled = (await import(pathToFileURL(bundle).href)) as typeof library;
    const error = await failure(bundled.elect({ zookeeperServers: servers() }));
    expect(String(error)).toContain(`keeper.js, is not at ${join(folder, 'keeper.js')}`);
    expect((error as { hint?: string }).hint).toContain('--external:ballot');
  });
});
