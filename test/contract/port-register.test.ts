import { describe, expect, it } from 'vitest';
import { VersionConflictError, NotSentError, OutcomeUnknownError, GivenUpError } from '../../src/election/errors.ts';
import type { Register, RegisterState } from '../../src/election/register.ts';
import { coordinators, distantCoordinators, type Coordinator, type DistantCoordinator } from './coordinator.ts';
import { rejection, type Stage, useStages } from './stage.ts';

const O = { timeout: 5000 };
const never = new AbortController().signal;

function registerOf(stage: Stage, world: Coordinator) {
  return {
    /** A candidate that leads, and its register. */
    leading: async (id = 'a') => {
      const { candidate, term } = await stage.lead(id);
      return { candidate, term, register: candidate.election.register('runs') };
    },
    /** Reads once more when the candidate was away for so long that it has to come back first. */
    read: async (register: Register): Promise<RegisterState> => {
      for (;;) {
        const outcome = await world.settle(register.read(never).catch((error: unknown) => error));
        if (!(outcome instanceof Error)) return outcome as RegisterState;
        expect(outcome).toBeInstanceOf(GivenUpError);
      }
    },
    write: (register: Register, text: string, version: number) =>
      world.settle(register.write(Buffer.from(text), version, O)),
  };
}

describe.each(coordinators)('a register on %s', (_name, start) => {
  let world: Coordinator;
  let stage: Stage;
  let use: ReturnType<typeof registerOf>;

  useStages(start, (given, made) => {
    [world, stage] = [given, made];
    use = registerOf(stage, world);
  });

  it('is empty for whoever reads it first, and nobody’s place in the queue', async () => {
    const { register, term } = await use.leading();
    const first = await use.read(register);
    expect(first.data).toEqual(Buffer.alloc(0));
    expect(await use.read(register)).toEqual(first);
    expect(await stage.queueOf(1)).toEqual(['a']);
    const b = await stage.stand('b');
    await world.settle(stage.resign(term));
    await stage.elected(b);
    expect(await stage.queueOf(1)).toEqual(['b']);
  });

  it('takes any bytes, and says under which version to go on', async () => {
    const { register } = await use.leading();
    const { version } = await use.read(register);
    const bytes = Buffer.from([0, 255, 10, 0xc3, 0xa9]);
    const next = await world.settle(register.write(bytes, version, O));
    expect(await use.read(register)).toMatchObject({ data: bytes, version: next });
    await use.write(register, 'second', next);
    expect(String((await use.read(register)).data)).toBe('second');
  });

  it('keeps for the next leader what the one before has written, stamped by term, also if that left', async () => {
    const { register, candidate, term } = await use.leading();
    await use.write(register, 'from a', (await use.read(register)).version);
    const { stamp, birth } = await use.read(register);
    expect(stamp).toBeGreaterThan(term.fencingToken);
    const b = await stage.stand('b');
    await world.settle(stage.resign(term));
    await world.settle(stage.close(candidate));
    const next = await stage.elected(b);
    expect(next.fencingToken).toBeGreaterThan(stamp);
    const theirs = b.candidate.election.register('runs');
    const found = await use.read(theirs);
    expect(found).toMatchObject({ data: Buffer.from('from a'), stamp, birth });
    await use.write(theirs, 'from b', found.version);
    const after = await use.read(theirs);
    expect(after).toMatchObject({ data: Buffer.from('from b'), birth });
    expect(after.stamp).toBeGreaterThan(next.fencingToken);
  });

  it('is another than the one of another name', async () => {
    const { register, candidate } = await use.leading();
    const other = candidate.election.register('diary');
    await use.write(register, 'one', (await use.read(register)).version);
    await use.write(other, 'two', (await use.read(other)).version);
    expect(String((await use.read(register)).data)).toBe('one');
  });

  it('refuses a write under another version than its own, and stays as it is', async () => {
    const { register } = await use.leading();
    const { candidate } = await stage.stand('b');
    const { version } = await use.read(register);
    const theirs = candidate.election.register('runs');
    const next = await use.write(theirs, 'theirs', (await use.read(theirs)).version);
    expect(await stage.failure(register.write(Buffer.from('mine'), version, O))).toBeInstanceOf(VersionConflictError);
    expect(await use.read(register)).toMatchObject({ data: Buffer.from('theirs'), version: next });
  });

  it('of two that write under the same version, refuses one', async () => {
    const { register } = await use.leading();
    const { candidate } = await stage.stand('b');
    const { version } = await use.read(register);
    const theirs = candidate.election.register('runs');
    expect((await use.read(theirs)).version).toBe(version);
    const outcomes = await world.settle(
      Promise.allSettled([register.write(Buffer.from('a'), version, O), theirs.write(Buffer.from('b'), version, O)]),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(String((await use.read(register)).data)).toBe(outcomes[0].status === 'fulfilled' ? 'a' : 'b');
  });

  it('is not read when the signal is aborted already', async () => {
    const { register } = await use.leading();
    const reason = new Error('enough');
    expect(await stage.failure(register.read(AbortSignal.abort(reason)))).toBe(reason);
  });
});

describe.each(distantCoordinators)('a register far away, on %s', (_name, start) => {
  let world: DistantCoordinator;
  let stage: Stage;
  let use: ReturnType<typeof registerOf>;

  useStages(start, (given, made) => {
    [world, stage] = [given, made];
    use = registerOf(stage, world);
  });

  it('is read when the coordinator is back; a write that was not sent in time has not been done', async () => {
    const { register } = await use.leading();
    const { version } = await use.read(register);
    await world.goAway();
    await world.pass(300);
    const late = register.write(Buffer.from('mine'), version, { timeout: 200 });
    expect(await stage.failure(late)).toBeInstanceOf(NotSentError);
    const waiting = register.read(never).catch((error: unknown) => error);
    await world.pass(200);
    await world.comeBack();
    const found = await world.settle(waiting);
    const state = found instanceof GivenUpError ? await use.read(register) : found;
    expect(state).toMatchObject({ data: Buffer.alloc(0), version });
  });

  it('says that it does not know what became of a write; under the version read then only one can count', async () => {
    const { register, candidate } = await use.leading();
    const { version } = await use.read(register);
    world.cutOff(candidate);
    const doubtful = register.write(Buffer.from('doubtful'), version, { timeout: 150 });
    expect(await stage.failure(doubtful)).toBeInstanceOf(OutcomeUnknownError);
    world.reconnect(candidate);
    for (let text = ''; text !== 'certain'; text = String((await use.read(register)).data)) {
      const now = await use.read(register);
      expect(String(now.data) === '').toBe(now.version === version);
      const write = register.write(Buffer.from('certain'), now.version, O).catch((error: unknown) => error);
      const outcome = await world.settle(write);
      if (outcome instanceof Error) {
        const kinds = [VersionConflictError, OutcomeUnknownError, NotSentError, GivenUpError];
        expect(kinds.map(({ name }) => name)).toContain(outcome.name);
        await world.pass(50);
      }
    }
    await world.pass(world.leaseDuration);
    expect(String((await use.read(register)).data)).toBe('certain');
  });

  it('ends a read with the reason of its signal, while there is no answer and before the first campaign', async () => {
    const waiting = async (register: Register): Promise<void> => {
      const controller = new AbortController();
      const failure = rejection(register.read(controller.signal));
      await world.pass(150);
      controller.abort(new Error('enough'));
      expect(await world.settle(failure)).toBe(controller.signal.reason);
    };
    const { candidate, register } = await use.leading();
    world.cutOff(candidate);
    await waiting(register);
    await world.goAway();
    await waiting(register);
    await waiting((await world.candidate('b')).election.register('runs'));
  });
});
