import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Election, Term } from '../../src/election/election.ts';
import { NoNodeError } from '../../src/zookeeper/session/errors.ts';
import { NotSentError } from '../../src/election/errors.ts';
import type { Register } from '../../src/election/register.ts';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { ensembles, type EnsembleWorld } from './ensembles.ts';
import { rejection } from './stage.ts';

const BASE = '/deep/down/election';
const PATH = `${BASE}/runs`;
const O = { timeout: 5000 };
const TIMEOUT_MS = 1200;
const never = new AbortController().signal;

describe.each(ensembles)('a register on %s', (_name, start) => {
  let world: EnsembleWorld;
  let admin: Session;
  const open: (() => Promise<void>)[] = [];
  const campaigns: AbortController[] = [];

  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    admin = await world.settle(world.host('admin', TIMEOUT_MS).sessions.open(O));
    open.push(() => admin.close(500));
  });
  afterEach(async () => {
    for (const controller of campaigns.splice(0)) controller.abort(new Error('the test is over'));
    world.silence(false);
    await world.settle(Promise.all(open.splice(0).map((close) => close())));
    await world.reset();
  });

  const candidate = (id: string): Election => {
    const { sessions, clock } = world.host(id, TIMEOUT_MS);
    const election = createElection({
      sessions,
      clock,
      logger: silentLogger,
      basePath: BASE,
      candidate: { candidateId: id, hostname: `${id}.example`, pid: '1' },
      sessionTimeout: TIMEOUT_MS,
      leaseDuration: undefined,
      stop: { onLeaseLoss: 'keep', stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
      mixedFleet: false,
    });
    open.push(() => election.close(500));
    return election;
  };
  const campaign = (election: Election): Promise<Term> => {
    const controller = new AbortController();
    campaigns.push(controller);
    const term = election.campaign({ signal: controller.signal, patience: { opening: 10_000, standing: 10_000 } });
    term.catch(() => undefined); // aborted at the end of the test
    return term;
  };
  const leading = async (): Promise<{ election: Election; register: Register; term: Term }> => {
    const election = candidate('a');
    const term = await world.settle(campaign(election));
    return { election, register: election.register('runs'), term };
  };
  const read = (register: Register) => world.settle(register.read(never));
  const write = (register: Register, text: string, version: number, timeout = 5000) =>
    world.settle(register.write(Buffer.from(text), version, { timeout }));
  const failure = (promise: Promise<unknown>) => world.settle(rejection(promise));
  const stored = async () => String((await world.settle(admin.get(PATH, O))).data);

  it('is made, without data, by whoever reads it first, and belongs to no session', async () => {
    const { register, term } = await leading();
    expect(await world.settle(admin.exists(PATH, O))).toBeUndefined();
    const { data, version, stamp } = await read(register);
    expect({ data, version }).toEqual({ data: Buffer.alloc(0), version: 0 });
    expect(stamp).toBeGreaterThan(term.fencingToken);
    expect(await world.settle(admin.exists(PATH, O))).toMatchObject({ ephemeralOwner: '0', mzxid: stamp });
    expect((await read(register)).version).toBe(0);
  });

  it('counts the writes, and names the transaction of the last', async () => {
    const { register } = await leading();
    const { version, stamp } = await read(register);
    const next = await write(register, 'first', version);
    const after = await read(register);
    expect(after.version).toBe(next);
    expect(after.stamp).toBeGreaterThan(stamp);
    expect(await write(register, 'second', next)).toBe(next + 1);
    expect(await stored()).toBe('second');
  });

  it('says that it is gone, and is made again by the next reader', async () => {
    const { register } = await leading();
    const version = await write(register, 'before', (await read(register)).version);
    await world.settle(admin.delete(PATH, -1, O));
    expect(await failure(register.write(Buffer.from('mine'), version, O))).toBeInstanceOf(NoNodeError);
    expect(await read(register)).toMatchObject({ data: Buffer.alloc(0), version: 0 });
  });

  it('is made with the base path after the ensemble was wiped; a reader waits for the next session', async () => {
    const { register, term, election } = await leading();
    await write(register, 'before', (await read(register)).version);
    const lost = new Promise((resolve) => {
      term.subscribe((event) => event.kind === 'lost' && resolve(event.cause));
    });
    await world.goDown();
    await world.comeBack({ wiped: true });
    expect(await world.settle(lost)).toMatchObject({ kind: 'wiped' });
    await world.settle(campaign(election));
    // The same version, of another znode.
    expect(await failure(register.write(Buffer.from('stale'), 1, O))).toBeInstanceOf(NotSentError);
    expect(await read(register)).toMatchObject({ data: Buffer.alloc(0), version: 0 });
    expect(await write(register, 'after', 0)).toBe(1);
  });

  it('is not written before there is a session', async () => {
    const register = candidate('a').register('runs');
    expect(await failure(register.write(Buffer.alloc(0), 0, O))).toBeInstanceOf(NotSentError);
  });
});
