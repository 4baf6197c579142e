/** The library with coordinator local, from the built package. */
import { afterEach, expect, it } from 'vitest';
import type { Candidate, ElectOptions } from '../../src/index.ts';
import { runBallot } from '../support/ballot.ts';
import { childrenOf } from '../support/candidate.ts';
import { useFolder } from '../support/hooks.ts';
import { library, moduleOf, Program } from '../support/library.ts';
import { poll } from '../support/poll.ts';

const folder = useFolder('library');
const standing: Candidate[] = [];
afterEach(() => Promise.all(standing.splice(0).map((candidate) => candidate.close())));

const place = (election: string) => ({ coordinator: 'local', stateDir: `${folder}/state`, election }) as const;
async function elect(election: string, candidateId: string, options: ElectOptions = {}): Promise<Candidate> {
  const candidate = await library.elect({ ...place(election), candidateId, ...options });
  standing.push(candidate);
  return candidate;
}

it('elects candidates of one process in the order of the queue, each with a greater token, and no process stays', async () => {
  // A server that other files of this worker use.
  const before = childrenOf(process.pid);
  const [a, b] = [await elect('order', 'a'), await elect('order', 'b')];
  const first = await a.whenLeader();
  expect((await b.participants()).map(({ candidateId, leads }) => [candidateId, leads])).toEqual([
    ['a', true],
    ['b', false],
  ]);
  await expect(elect('order', 'a')).rejects.toBeInstanceOf(library.AlreadyStandingError);
  await first.resign();
  const second = await b.whenLeader();
  expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  expect(a.leader).toBe(false);
  await Promise.all([a.close(), b.close()]);
  await poll(() => childrenOf(process.pid).every((pid) => before.includes(pid)), { what: 'no helper left' });
});

it('does work as the leader, one at a time, and resolves with what it does', async () => {
  let working = 0;
  const work = (id: string) =>
    library.lead({ ...place('work'), candidateId: id }, async ({ fencingToken }) => {
      working += 1;
      expect(working).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      working -= 1;
      return fencingToken;
    });
  const tokens = await Promise.all(['a', 'b', 'c'].map(work));
  expect(new Set(tokens).size).toBe(3);
});

it('hears ballot step-down: the term ends with who asked, and another leads', async () => {
  const [a, b] = [await elect('steer', 'a'), await elect('steer', 'b')];
  const term = await a.whenLeader();
  const where = ['--coordinator=local', `--state-dir=${folder}/state`, '--election=steer'];
  const { code, stdout } = await runBallot(['step-down', '--wait', '--timeout=60s', ...where]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^b on \S+, term \d+ leads\n$/) as string,
  });
  expect(term.signal.reason).toBeInstanceOf(library.SteppedDownError);
  await b.whenLeader();
});

it('ends a term at once when somebody deletes the lock', async () => {
  const a = await elect('lost', 'a');
  const term = await a.whenLeader();
  const { rm } = await import('node:fs/promises');
  await rm(`${folder}/state/lost/lock`);
  await poll(() => term.signal.aborted, { what: 'the end of the term' });
  expect(term.signal.reason).toBeInstanceOf(library.LeaseLostError);
  await poll(() => a.leader, { what: 'the next term' });
});

it('is refused what means nothing on one host, every problem at once', async () => {
  const options = { ...place('options'), zookeeperServers: 'zk1', leaseDuration: '5s' };
  await expect(library.elect(options)).rejects.toMatchObject({
    problems: [
      'option zookeeperServers: means nothing with coordinator local (option coordinator): leave it out',
      'option leaseDuration: means nothing with coordinator local (option coordinator): leave it out',
    ],
  });
});

it('lets a program end by itself once its candidates are closed; killed, it leaves the lock at once', async () => {
  const options = JSON.stringify({ ...place('ends'), candidateId: 'program' });
  const text = `
    await ballot.lead(${options}, () => say('worked'));
    const candidate = await ballot.elect(${options});
    await candidate.whenLeader();
    say('leads');
    process.stdin.once('end', () => candidate.close()).resume();`;
  await using program = new Program(moduleOf(folder, 'ends', text));
  await program.says('leads');
  const next = await elect('ends', 'next');
  program.child.stdin?.end();
  expect(await program.ended).toBe(0);
  await next.whenLeader();
  await using killed = new Program(moduleOf(folder, 'killed', text));
  await next.close();
  await killed.says('leads');
  const last = await elect('ends', 'last');
  killed.child.kill('SIGKILL');
  await last.whenLeader();
});
