import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../../src/errors.ts';
import { parseLedger, type Ledger, type TickRecord } from '../../../src/ledger/record.ts';
import { RunLedger, type Found } from '../../../src/ledger/ledger.ts';
import { FencedError } from '../../../src/ledger/writer.ts';
import type { Service } from '../../../src/ledger/service.ts';
import { ZooKeeperError } from '../../../src/zookeeper/session/errors.ts';
import { FakeRegister, FakeZnode, type Fate, type Weather } from '../../support/fake-register.ts';
import { Random } from '../../support/random.ts';
import { VirtualClock, type VirtualProcess } from '../../support/virtual-clock.ts';
import { recorder, type LogLine } from '../../support/sessions.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;
const never = new AbortController().signal;

/** What each candidate serves, as the ledger says it. */
const SERVED = { schedule: '* * * * *', timezone: 'UTC' };

const serviceOn = (name: string): Service => ({ ...SERVED, candidateId: name, hostname: `host-${name}` });

interface Host {
  readonly process: VirtualProcess;
  readonly register: FakeRegister;
  readonly ledger: RunLedger;
  readonly lines: LogLine[];
}

class World {
  readonly clock = new VirtualClock(1);
  readonly znode = new FakeZnode();

  host(name: string, weather: Partial<Weather> = {}): Host {
    const process = this.clock.process();
    const register = new FakeRegister(name, this.znode, process, weather);
    const { lines, logger } = recorder();
    return {
      process,
      register,
      lines,
      ledger: new RunLedger({ register, clock: process, logger, service: serviceOn(name) }),
    };
  }

  /** A leader with a ledger of its own, opened. */
  async leader(
    name: string,
    through = NOON,
    weather: Partial<Weather> = {},
  ): Promise<Host & { token: number; found: Found }> {
    const host = this.host(name, weather);
    const token = this.znode.nextTransaction();
    const found = await this.open(host, token, () => through);
    return { ...host, token, found };
  }

  open(
    { ledger }: Host,
    token: number,
    settle: (found: Found) => number = ({ through = NOON }) => through,
  ): Promise<Found> {
    return this.clock.wait(ledger.open(token, settle, never));
  }

  get stored(): Ledger {
    const parsed = parseLedger(this.znode.state?.data ?? Buffer.alloc(0));
    if (parsed.kind !== 'ledger') throw new Error(JSON.stringify(parsed));
    return parsed.ledger;
  }

  /** By hand. */
  write(text: string): void {
    this.znode.make();
    this.znode.set('somebody', Buffer.from(text), -1);
  }

  async pass(ms: number): Promise<void> {
    this.clock.entered();
    await this.clock.run(this.clock.time + ms);
  }
}

const record = (runId: string, minute: number, fencingToken = Number(runId.split('.')[0])): TickRecord => ({
  runId,
  tick: NOON + minute * MINUTE,
  candidateId: 'a',
  fencingToken,
  start: NOON + minute * MINUTE + 5,
});
const ending = { end: NOON + 10 * MINUTE, outcome: 'succeeded', exitCode: 0 } as const;
const ids = ({ runs }: Ledger): string[] => runs.map(({ runId }) => runId);
const rejected = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing',
    (error: unknown) => error,
  );
/** One fate after the other, then calm. */
const fates = (...list: Fate[]) => ({ fate: (): Fate => list.shift() ?? 'answered' });

describe('opening the ledger', () => {
  it('of an election that has none makes it', async () => {
    const world = new World();
    const { found, token } = await world.leader('a', NOON);
    expect(found).toEqual({ through: undefined, handedOver: undefined, service: undefined, lost: [] });
    expect(world.stored).toEqual({ fencingToken: token, terms: 1, through: NOON, ...serviceOn('a'), runs: [] });
  });

  it('tells what is settled, what was lost, and who handed over; and takes it over', async () => {
    const world = new World();
    const a = await world.leader('a');
    const one = record(`${a.token}.1`, 1);
    const two = record(`${a.token}.2`, 2);
    await world.clock.wait(a.ledger.enter(one, 1000));
    await world.clock.wait(a.ledger.enter(two, 1000));
    a.ledger.close(one.runId, ending);
    const handedOver = a.process.wall();
    await world.clock.wait(a.ledger.handOver(NOON, 1000));
    const b = await world.leader('b', NOON);
    expect(b.found).toEqual({
      through: two.tick,
      handedOver: expect.closeTo(handedOver, -2) as number,
      service: serviceOn('a'),
      lost: [{ ...two, outcome: 'lost' }],
    });
    expect(world.stored).toEqual({
      fencingToken: b.token,
      terms: 2,
      through: two.tick,
      ...serviceOn('b'),
      runs: [
        { ...one, ...ending },
        { ...two, outcome: 'lost' },
      ],
    });
  });

  it('is refused to a term that comes before the one that wrote last, for good', async () => {
    const world = new World();
    const early = world.znode.nextTransaction();
    const b = await world.leader('b');
    const a = world.host('a');
    const before = world.znode.text;
    expect(await world.clock.wait(rejected(a.ledger.open(early, () => NOON, never)))).toBeInstanceOf(FencedError);
    expect(await a.ledger.enter(record('1.1', 9), 1000)).toBe('fenced');
    expect(world.znode.text).toBe(before);
    expect(await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 1), 1000))).toBe('entered');
  });

  it('takes over what is left from before the ensemble lost its data, whose tokens mean nothing any more', async () => {
    const world = new World();
    const old = await world.leader('old', NOON + 5 * MINUTE);
    const text = world.znode.text;
    world.znode.wipe();
    world.write(text);
    const b = await world.leader('b', NOON);
    expect(b.token).toBeLessThan(old.token);
    expect(b.found.through).toBe(NOON + 5 * MINUTE);
    expect(b.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 9), 1000))).toBe('entered');
  });

  it.each([
    ['rubbish', 'rubbish'],
    ['oversized', JSON.stringify({ fencingToken: 99, runs: [], note: 'x'.repeat(600_000) })],
    ['of another kind', '{"candidateId":"a"}'],
  ])('replaces one that cannot be read, and says how it begins (%s)', async (_, text) => {
    const world = new World();
    world.write(text);
    const a = await world.leader('a', NOON);
    expect(a.found).toEqual({ through: undefined, handedOver: undefined, service: undefined, lost: [] });
    expect(world.stored).toEqual({ fencingToken: a.token, terms: 1, through: NOON, ...serviceOn('a'), runs: [] });
    expect(a.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { excerpt: expect.stringContaining(text.slice(0, 7)) as unknown } },
    ]);
  });

  it('never settles less than was settled, whatever is asked for', async () => {
    const world = new World();
    await world.leader('a', NOON + 5 * MINUTE);
    const b = await world.leader('b', NOON - MINUTE);
    expect(world.stored.through).toBe(NOON + 5 * MINUTE);
    expect(await b.ledger.enter(record(`${b.token}.1`, 5), 1000)).toBe('taken');
  });

  it.each<Fate>(['unanswered', 'lost', { late: 20 }, { late: 500 }, 'not sent', 'session ended'])(
    'goes on until it is answered, and tells the same as if it had been at once (%j)',
    async (fate) => {
      const world = new World();
      const a = await world.leader('a');
      await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000));
      await world.clock.wait(a.ledger.handOver(NOON, 1000));
      const b = world.host('b', fates(fate, fate));
      const settled: number[] = [];
      const found = await world.open(b, 5000, ({ through = 0 }) => {
        settled.push(Math.max(through, b.process.wall()));
        return settled.at(-1) as number;
      });
      expect(found).toMatchObject({ through: NOON + MINUTE, lost: [{ runId: `${a.token}.1` }] });
      expect(found.handedOver).toBeDefined();
      expect(settled.length).toBeGreaterThan(1);
      expect(world.stored).toMatchObject({ fencingToken: 5000, through: settled.at(-1), runs: [{ outcome: 'lost' }] });
      await world.pass(1000);
      expect(await world.clock.wait(b.ledger.enter(record('5000.1', 60 * 24), 1000))).toBe('entered');
    },
  );

  it('ends with the reason of its signal', async () => {
    const world = new World();
    const controller = new AbortController();
    const a = world.host('a', { fate: () => 'lost' });
    const opening = rejected(a.ledger.open(5, () => NOON, controller.signal));
    await world.pass(300);
    controller.abort(new Error('enough'));
    expect(await world.clock.wait(opening)).toBe(controller.signal.reason);
    expect(await a.ledger.enter(record('5.1', 1), 1000)).toBe('fenced');
    const { writes } = a.register;
    await world.pass(10_000);
    expect(a.register.writes).toBe(writes);
  });

  it('throws what does not pass: an ACL, and a bug of whoever settles; a quota is waited for', async () => {
    const world = new World();
    const a = world.host('a');
    const refusal = new RefusedError('no');
    a.register.write = () => Promise.reject(refusal);
    expect(await world.clock.wait(rejected(a.ledger.open(5, () => NOON, never)))).toBe(refusal);
    const bug = new TypeError('bug');
    const settle = (): number => {
      throw bug;
    };
    expect(await world.clock.wait(rejected(world.host('b').ledger.open(5, settle, never)))).toBe(bug);
    const c = world.host('c');
    const { write } = c.register;
    c.register.write = () => Promise.reject(new ZooKeeperError('set', '/e/runs', -125, 'the quota is exceeded'));
    const opening = c.ledger.open(5, () => NOON, never);
    await world.pass(3500);
    c.register.write = write;
    await world.clock.wait(opening);
    expect(c.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

describe('entering a tick', () => {
  it('is one write; the same tick and those before are taken from then on, without another', async () => {
    const world = new World();
    const { ledger, token, register } = await world.leader('a');
    const before = register.writes;
    expect(await world.clock.wait(ledger.enter(record(`${token}.1`, 3), 1000))).toBe('entered');
    expect(register).toMatchObject({ writes: before + 1, reads: 1 });
    for (const minute of [3, 2, 0, -5]) expect(await ledger.enter(record(`${token}.2`, minute), 1000)).toBe('taken');
    expect(register.writes).toBe(before + 1);
    expect(world.stored).toMatchObject({ through: NOON + 3 * MINUTE, runs: [record(`${token}.1`, 3)] });
  });

  it('is refused once a later term has opened the ledger, and nothing more is written', async () => {
    const world = new World();
    const a = await world.leader('a');
    const b = await world.leader('b');
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000))).toBe('fenced');
    const { writes } = a.register;
    a.ledger.close(`${a.token}.1`, ending);
    a.ledger.skip(NOON + 30 * MINUTE);
    await world.clock.wait(a.ledger.handOver(NOON, 1000));
    expect(await a.ledger.enter(record(`${a.token}.2`, 2), 1000)).toBe('fenced');
    await world.pass(5000);
    expect(a.register.writes).toBe(writes);
    expect(world.stored).toEqual({ fencingToken: b.token, terms: 2, through: NOON, ...serviceOn('b'), runs: [] });
    expect(await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 1), 1000))).toBe('entered');
  });

  it('is entered by one of two terms that both mean to, however their writes fall', async () => {
    const outcomes = new Map<string, number>();
    for (let lead = 0; lead <= 12; lead += 0.5) {
      const world = new World();
      const a = await world.leader('a', NOON, { latency: () => 3 });
      const b = world.host('b', { latency: () => 2 });
      const theirs = b.ledger
        .open(9000, ({ through = NOON }) => through, never)
        .then(() => b.ledger.enter(record('9000.1', 1), 1000));
      await world.pass(lead);
      const ours = a.ledger.enter(record(`${a.token}.1`, 1), 1000);
      const both = await world.clock.wait(Promise.all([ours, theirs]));
      expect(both.filter((outcome) => outcome === 'entered')).toHaveLength(1);
      outcomes.set(both.join(), (outcomes.get(both.join()) ?? 0) + 1);
      expect(world.stored.fencingToken).toBe(9000);
      expect(ids(world.stored)).toHaveLength(1);
    }
    expect([...outcomes.keys()].sort()).toEqual(['entered,taken', 'fenced,entered']);
  });

  it('goes unanswered after the time that it is given; then it is written when it can be', async () => {
    const world = new World();
    const a = await world.leader('a');
    let down = true;
    a.register.weather = { ...a.register.weather, fate: () => (down ? 'not sent' : 'answered') };
    const before = a.process.now();
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 700))).toBe('unanswered');
    expect(a.process.now() - before).toBeCloseTo(700, 0);
    a.ledger.close(`${a.token}.1`, ending);
    await world.pass(60_000);
    expect(world.stored.runs).toEqual([]);
    down = false;
    await world.pass(1000);
    expect(world.stored).toMatchObject({ through: NOON + MINUTE, runs: [{ ...record(`${a.token}.1`, 1), ...ending }] });
  });

  it('says fenced to whoever still waits when the term ends, and takes the entry back', async () => {
    const world = new World();
    const a = await world.leader('a');
    a.register.weather = { ...a.register.weather, fate: () => 'not sent' };
    const entering = a.ledger.enter(record(`${a.token}.1`, 1), 5000);
    await world.pass(100);
    a.ledger.termOver();
    expect(await entering).toBe('fenced');
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    const found = await world.open(a, world.znode.nextTransaction());
    expect(found).toEqual({ through: NOON, handedOver: undefined, service: expect.anything() as unknown, lost: [] });
  });

  it('is refused to nobody by a server that lags behind', async () => {
    const world = new World();
    const a = await world.leader('a');
    let lag = 2;
    a.register.weather = { ...a.register.weather, ...fates('unanswered'), lag: () => Math.max(0, lag--) };
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 5000))).toBe('entered');
    expect(lag).toBeLessThan(0);
    expect(world.stored).toMatchObject({ fencingToken: a.token, through: NOON + MINUTE });
  });

  it('is refused once another ensemble stands there, with a leader of its own', async () => {
    const world = new World();
    const a = await world.leader('a');
    world.znode.wipe();
    const b = await world.leader('b');
    expect(b.token).toBeLessThan(a.token);
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 5000))).toBe('fenced');
    expect(await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 1), 5000))).toBe('entered');
  });

  it.each([
    ['is deleted', (world: World) => world.znode.remove()],
    ['is emptied', (world: World) => world.write('')],
    ['is overwritten', (world: World) => world.write('rubbish')],
  ])('makes the ledger again when it %s', async (_, happens) => {
    const world = new World();
    const a = await world.leader('a');
    await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000));
    happens(world);
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.2`, 2), 1000))).toBe('entered');
    expect(world.stored).toMatchObject({ fencingToken: a.token, through: NOON + 2 * MINUTE });
    expect(ids(world.stored)).toEqual([`${a.token}.1`, `${a.token}.2`]);
  });

  it('is warned of once when ZooKeeper refuses to write, and goes on', async () => {
    const world = new World();
    const a = await world.leader('a');
    const { write } = a.register;
    a.register.write = () => Promise.reject(new RefusedError('no permission'));
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000))).toBe('unanswered');
    await world.pass(5000);
    a.register.write = write;
    await world.pass(2000);
    expect(ids(world.stored)).toEqual([`${a.token}.1`]);
    expect(a.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

describe('how long entries have not been answered', () => {
  it('is counted from the first of them, and no more when the ledger with it is written', async () => {
    const world = new World();
    const a = await world.leader('a');
    expect(a.ledger.silentFor).toBe(0);
    a.register.weather = { ...a.register.weather, fate: () => 'lost' };
    for (const minute of [1, 2])
      expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.${minute}`, minute), 100))).toBe('unanswered');
    expect(a.ledger.silentFor).toBeCloseTo(200, 3);
    a.ledger.withdraw(`${a.token}.1`);
    a.ledger.withdraw(`${a.token}.2`);
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(5000);
    expect(a.ledger.silentFor).toBe(0);
  });

  it('goes on when what is answered is a write of before', async () => {
    const world = new World();
    const a = await world.leader('a', NOON, { latency: () => 50 });
    a.register.weather = { ...a.register.weather, fate: fates('answered', 'lost', 'lost').fate };
    a.ledger.skip(NOON + MINUTE);
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 2), 500))).toBe('unanswered');
    expect(world.stored).toMatchObject({ through: NOON + MINUTE, runs: [] });
    expect(a.ledger.silentFor).toBeCloseTo(500, 3);
  });

  it('begins anew with a term', async () => {
    const world = new World();
    const a = await world.leader('a');
    a.register.weather = { ...a.register.weather, fate: () => 'lost' };
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 100))).toBe('unanswered');
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.open(a, world.znode.nextTransaction());
    expect(a.ledger.silentFor).toBe(0);
  });
});

describe('an entry that is withdrawn', () => {
  it.each<Fate>([
    'unanswered',
    'lost',
    { late: 3 },
    { late: 40 },
    { late: 120 },
    { late: 900 },
    'not sent',
    'session ended',
  ])('leaves nothing behind, whatever has become of it (%j)', async (fate) => {
    const world = new World();
    const a = await world.leader('a');
    a.register.weather = { ...a.register.weather, ...fates(fate, fate, fate) };
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 2))).toBe('unanswered');
    a.ledger.withdraw(`${a.token}.1`);
    await world.pass(2000);
    expect(world.stored).toEqual({ fencingToken: a.token, terms: 1, through: NOON, ...serviceOn('a'), runs: [] });
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.2`, 1), 1000))).toBe('entered');
    a.ledger.withdraw(`${a.token}.1`);
    await world.pass(1000);
    expect(ids(world.stored)).toEqual([`${a.token}.2`]);
  });

  it('has pushed out nobody, also one of several in an outage', async () => {
    const world = new World();
    const a = await world.leader('a');
    const written = Array.from({ length: 49 }, (_, i) => record(`${a.token}.${i + 1}`, i + 1));
    for (const run of written) {
      expect(await world.clock.wait(a.ledger.enter(run, 1000))).toBe('entered');
      a.ledger.close(run.runId, ending);
    }
    a.register.weather = { ...a.register.weather, fate: () => 'unanswered' };
    const tried = [50, 51, 52].map((minute) => record(`${a.token}.${minute}`, minute));
    for (const run of tried) expect(await world.clock.wait(a.ledger.enter(run, 100))).toBe('unanswered');
    for (const { runId } of tried) a.ledger.withdraw(runId);
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(5000);
    expect(ids(world.stored)).toEqual(written.map(({ runId }) => runId));
  });

  it('pushes out the oldest once it is written', async () => {
    const world = new World();
    const a = await world.leader('a');
    for (let minute = 1; minute <= 51; minute++) {
      const run = record(`${a.token}.${minute}`, minute);
      expect(await world.clock.wait(a.ledger.enter(run, 1000))).toBe('entered');
      if (minute < 51) a.ledger.close(run.runId, ending);
    }
    expect(ids(world.stored)).toHaveLength(50);
    a.ledger.withdraw(`${a.token}.51`);
    await world.pass(1000);
    expect(ids(world.stored)).toHaveLength(49);
    expect(ids(world.stored)[0]).toBe(`${a.token}.2`);
  });

  it('can be made up by the next leader', async () => {
    const world = new World();
    const a = await world.leader('a');
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000))).toBe('entered');
    a.ledger.withdraw(`${a.token}.1`);
    await world.clock.wait(a.ledger.handOver(NOON, 1000));
    const b = await world.leader('b');
    expect(b.found).toMatchObject({ through: NOON, lost: [] });
    expect(await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 1), 1000))).toBe('entered');
  });

  it('does not free its tick when a later one is settled', async () => {
    const world = new World();
    const a = await world.leader('a');
    const [one, two] = await world.clock.wait(
      Promise.all([a.ledger.enter(record(`${a.token}.1`, 1), 1000), a.ledger.enter(record(`${a.token}.2`, 2), 1000)]),
    );
    expect([one, two]).toEqual(['entered', 'entered']);
    a.ledger.withdraw(`${a.token}.1`);
    await world.pass(100);
    expect(world.stored).toMatchObject({ through: NOON + 2 * MINUTE, runs: [{ runId: `${a.token}.2` }] });
    expect(await a.ledger.enter(record(`${a.token}.3`, 1), 1000)).toBe('taken');
  });

  it('while it is being written is not to be started', async () => {
    const world = new World();
    const a = await world.leader('a', NOON, { latency: () => 50 });
    const busy = a.ledger.enter(record(`${a.token}.1`, 1), 5000);
    const entering = a.ledger.enter(record(`${a.token}.2`, 2), 5000);
    await world.pass(10);
    a.ledger.withdraw(`${a.token}.2`);
    expect(await world.clock.wait(Promise.all([busy, entering]))).toEqual(['entered', 'fenced']);
    await world.pass(1000);
    expect(world.stored).toMatchObject({ through: NOON + MINUTE, runs: [{ runId: `${a.token}.1` }] });
  });
});

describe('handing over', () => {
  it('waits for what is under way, and marks the ledger', async () => {
    const world = new World();
    const a = await world.leader('a', NOON, { latency: () => 50 });
    const entering = a.ledger.enter(record(`${a.token}.1`, 1), 5000);
    await world.pass(10);
    a.ledger.close(`${a.token}.1`, ending);
    a.ledger.skip(NOON + 7 * MINUTE);
    await world.clock.wait(a.ledger.handOver(NOON, 5000));
    expect(await entering).toBe('entered');
    expect(world.stored).toEqual({
      fencingToken: a.token,
      terms: 1,
      through: NOON + 7 * MINUTE,
      handedOver: expect.any(Number) as number,
      ...serviceOn('a'),
      runs: [{ ...record(`${a.token}.1`, 1), ...ending }],
    });
  });

  it('ends in time without an answer, and sends nothing after that', async () => {
    const world = new World();
    const a = await world.leader('a');
    a.register.weather = { ...a.register.weather, fate: () => ({ late: 400 }) };
    void a.ledger.enter(record(`${a.token}.1`, 1), 5000);
    const before = a.process.now();
    await world.clock.wait(a.ledger.handOver(NOON, 300));
    expect(a.process.now() - before).toBeCloseTo(300, 0);
    const { writes, reads } = a.register;
    await world.pass(30_000);
    expect(a.register).toMatchObject({ writes, reads });
    expect(await a.ledger.enter(record(`${a.token}.2`, 2), 100)).toBe('fenced');
    expect(a.lines.at(-1)).toMatchObject({ level: 'warn', fields: { runId: `${a.token}.1` } });
    expect(a.lines.at(-1)?.message).toContain(`the ledger of runs cannot be written: run ${a.token}.1 not recorded`);
  });

  it('says it of no run that is recorded', async () => {
    const world = new World();
    const a = await world.leader('a');
    await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 5000));
    a.register.weather = { ...a.register.weather, fate: () => ({ late: 400 }) };
    await world.clock.wait(a.ledger.handOver(NOON, 300));
    expect(a.lines.at(-1)).toMatchObject({ level: 'warn' });
    expect(a.lines.at(-1)?.message).toContain('the ledger of runs cannot be written: the handover is not recorded');
  });

  it('leaves a write behind that the next leader either finds, or refuses', async () => {
    for (let late = 1; late < 60; late += 2) {
      const world = new World();
      const a = await world.leader('a');
      a.register.weather = { ...a.register.weather, fate: () => ({ late }) };
      const entering = a.ledger.enter(record(`${a.token}.1`, 1), 20);
      a.ledger.withdraw(`${a.token}.1`);
      await world.clock.wait(Promise.all([entering, a.ledger.handOver(NOON, 10)]));
      const b = await world.leader('b', NOON, { latency: () => 5 });
      const outcome = await world.clock.wait(b.ledger.enter(record(`${b.token}.1`, 1), 1000));
      const lost = b.found.lost.length > 0;
      expect(outcome).toBe(lost ? 'taken' : 'entered');
      await world.pass(1000);
      expect(world.stored.fencingToken).toBe(b.token);
      expect(ids(world.stored)).toEqual([...(lost ? [`${a.token}.1`] : []), ...(lost ? [] : [`${b.token}.1`])]);
    }
  });
});

describe('what a term has not written when it ends', () => {
  const unwritten = async (): Promise<{ world: World; a: Host & { token: number } }> => {
    const world = new World();
    const a = await world.leader('a');
    await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000));
    a.register.weather = { ...a.register.weather, fate: () => 'not sent' };
    expect(await world.clock.wait(a.ledger.enter(record(`${a.token}.2`, 2), 100))).toBe('unanswered');
    a.ledger.termOver();
    // The run ends after the term: its command had to be stopped first.
    a.ledger.close(`${a.token}.1`, ending);
    a.ledger.close(`${a.token}.2`, ending);
    return { world, a };
  };

  /** It has stopped trying. */
  const givenUp = async (): ReturnType<typeof unwritten> => {
    const { world, a } = await unwritten();
    await world.pass(20_000);
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    const { writes } = a.register;
    await world.pass(5000);
    expect(a.register.writes).toBe(writes);
    return { world, a };
  };

  it('is still written for a while, as long as nobody else leads', async () => {
    const { world, a } = await unwritten();
    await world.pass(5000);
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(1000);
    expect(world.stored.runs).toEqual([1, 2].map((n) => ({ ...record(`${a.token}.${n}`, n), ...ending })));
  });

  it('takes back the entry of a run that was not started, as long as nobody else leads', async () => {
    const world = new World();
    const a = await world.leader('a');
    await world.clock.wait(a.ledger.enter(record(`${a.token}.1`, 1), 1000));
    a.register.weather = { ...a.register.weather, fate: () => 'not sent' };
    a.ledger.withdraw(`${a.token}.1`);
    a.ledger.termOver();
    await world.pass(1000);
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(1000);
    expect(world.stored).toMatchObject({ through: NOON, runs: [] });
  });

  it('is not written where somebody has overwritten the ledger: who leads by then does that', async () => {
    const { world, a } = await unwritten();
    world.write('rubbish');
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(5000);
    expect(world.znode.text).toBe('rubbish');
  });

  it('is not written once somebody else leads', async () => {
    const { world, a } = await unwritten();
    const b = await world.leader('b');
    a.register.weather = { ...a.register.weather, fate: () => 'answered' };
    await world.pass(5000);
    expect(world.stored).toMatchObject({ fencingToken: b.token, runs: [{ runId: `${a.token}.1`, outcome: 'lost' }] });
  });

  it('is written by the next term of the same process, if nobody has led between', async () => {
    const { world, a } = await givenUp();
    const found = await world.open(a, 7000);
    expect(found).toEqual({
      through: NOON + 2 * MINUTE,
      handedOver: undefined,
      service: expect.anything() as unknown,
      lost: [],
    });
    expect(world.stored.runs).toEqual([1, 2].map((n) => ({ ...record(`${a.token}.${n}`, n), ...ending })));
  });

  it('is dropped, with a line, if somebody has', async () => {
    const { world, a } = await givenUp();
    const b = await world.leader('b');
    expect(b.found.lost.map(({ runId }) => runId)).toEqual([`${a.token}.1`]);
    const found = await world.open(a, 7000);
    expect(found).toEqual({
      through: NOON + MINUTE,
      handedOver: undefined,
      service: expect.anything() as unknown,
      lost: [],
    });
    expect(world.stored.runs).toEqual([{ ...record(`${a.token}.1`, 1), outcome: 'lost' }]);
    expect(a.lines.filter(({ message }) => message.includes('is dropped'))).toHaveLength(1);
  });
});

/** A term from beginning to end. Its waits are long enough for any fate. */
async function wholeTerm(world: World, host: Host, token: number): Promise<void> {
  const { ledger } = host;
  const enter = async (n: number): Promise<void> => {
    expect(await world.clock.wait(ledger.enter(record(`${token}.${n}`, n), 20_000))).toBe('entered');
  };
  await world.open(host, token, () => NOON);
  await enter(1);
  ledger.close(`${token}.1`, ending);
  await enter(2);
  await enter(3);
  ledger.close(`${token}.3`, { ...ending, outcome: 'failed', exitCode: 3, skipped: 2 });
  ledger.skip(NOON + 5 * MINUTE);
  await world.pass(200);
  await enter(6);
  ledger.withdraw(`${token}.6`);
  await enter(7);
  ledger.close(`${token}.2`, ending);
  ledger.close(`${token}.7`, ending);
  await world.clock.wait(ledger.handOver(NOON, 20_000));
}

describe('a term of which one reply is lost', () => {
  const FATES: Fate[] = [
    'unanswered',
    'lost',
    { late: 2 },
    { late: 4 },
    { late: 60 },
    { late: 3000 },
    'not sent',
    'session ended',
  ];
  const outcome = async (index: number, fate: Fate): Promise<{ text: string; writes: number }> => {
    const world = new World();
    let write = 0;
    const host = world.host('a', { fate: () => (write++ === index ? fate : 'answered') });
    await wholeTerm(world, host, 5000);
    await world.pass(10_000);
    const { handedOver, ...rest } = JSON.parse(world.znode.text) as Record<string, unknown>;
    expect(handedOver).toBeDefined();
    return { text: JSON.stringify(rest), writes: host.register.writes };
  };

  it.each(FATES)('writes the same ledger, whichever it is (%j)', async (fate) => {
    const calm = await outcome(-1, 'answered');
    expect(calm.writes).toBeGreaterThan(8);
    for (let index = 0; index < calm.writes; index += 1)
      expect({ index, text: (await outcome(index, fate)).text }).toEqual({ index, text: calm.text });
  });
});

describe('terms that race', () => {
  /** Several hosts, each of which believes at times that it leads, in bad weather. */
  class Race {
    readonly random: Random;
    readonly world = new World();
    /** Runs that were started, with their tick. */
    readonly started = new Map<string, number>();
    readonly #open = new Set<Promise<unknown>>();
    #calm = false;

    constructor(seed: number) {
      this.random = new Random(seed);
    }

    host(name: string): Host {
      const random = this.random.fork();
      const bad = random.pick([0, 0.1, 0.4]);
      const fate = (): Fate => {
        if (this.#calm || !random.chance(bad)) return 'answered';
        return random.pick<Fate>(['unanswered', 'lost', { late: random.between(1, 300) }, 'not sent', 'session ended']);
      };
      return this.world.host(name, {
        latency: () => random.between(0.1, this.#calm ? 2 : 20),
        fate,
        lag: () => (!this.#calm && random.chance(0.3) ? random.whole(0, 3) : 0),
      });
    }

    /** Terms one after the other on one host, as an election grants them: each claim is a transaction. */
    async candidate(host: Host, until: number): Promise<void> {
      const { random, world } = this;
      while (world.clock.time < until) {
        await this.#pause(host, random.between(0, 300));
        const token = world.znode.nextTransaction();
        const gone = new AbortController();
        const cancel = host.process.at(host.process.now() + random.between(20, 2000), () =>
          gone.abort(new Error('over')),
        );
        try {
          await host.ledger.open(token, ({ through = NOON }) => through, gone.signal);
          await this.#lead(host, token, gone.signal);
          if (random.chance(0.5)) await host.ledger.handOver(NOON, random.between(0, 200));
        } catch (error) {
          if (!(error instanceof FencedError) && !gone.signal.aborted) throw error;
        }
        cancel();
        host.ledger.termOver();
      }
    }

    /** As a supervisor does under `stop`: what was not entered for certain is not started. */
    async #lead(host: Host, token: number, signal: AbortSignal): Promise<void> {
      const { random } = this;
      for (let n = 1; !signal.aborted && random.chance(0.9); n += 1) {
        const runId = `${token}.${n}`;
        const one = record(runId, random.whole(1, 40));
        const entering = host.ledger.enter(one, random.between(1, 150)).then((outcome) => {
          if (outcome === 'entered') this.started.set(runId, one.tick);
          else if (outcome === 'unanswered') host.ledger.withdraw(runId);
          return outcome;
        });
        if (random.chance(0.5)) await entering;
        if (random.chance(0.2)) host.ledger.skip(NOON + random.whole(0, 20) * MINUTE);
        void entering.then((outcome) => {
          if (outcome === 'entered' && random.chance(0.7)) host.ledger.close(runId, ending);
        });
        await this.#pause(host, random.between(0, 100));
      }
    }

    #pause({ process }: Host, ms: number): Promise<void> {
      return new Promise((resolve) => process.at(process.now() + ms, resolve));
    }

    async run(): Promise<void> {
      const { clock } = this.world;
      const hosts = Array.from({ length: this.random.whole(2, 4) }, (_, n) => this.host(`h${n}`));
      for (const host of hosts) this.#open.add(this.candidate(host, 4000));
      await clock.wait(Promise.all(this.#open));
      this.#calm = true;
      await this.world.pass(1000);
    }
  }

  const twice = (started: ReadonlyMap<string, number>): number => started.size - new Set(started.values()).size;

  it('never start a tick twice', async () => {
    let started = 0;
    for (let seed = 0; seed < 300; seed += 1) {
      const race = new Race(seed);
      await race.run();
      expect({ seed, twice: twice(race.started) }).toEqual({ seed, twice: 0 });
      started += race.started.size;
      const written = race.world.znode.applied.map(({ data }) => {
        const parsed = parseLedger(data);
        if (parsed.kind !== 'ledger') throw new Error(JSON.stringify(parsed));
        return parsed.ledger;
      });
      const tokens = written.map(({ fencingToken }) => fencingToken);
      expect(tokens).toEqual([...tokens].sort((x, y) => x - y));
      // What was started is known from then on, as long as there is room for it.
      const last = written.at(-1)?.runs ?? [];
      if (last.length < 50)
        expect(last.map(({ runId }) => runId)).toEqual(expect.arrayContaining([...race.started.keys()]));
    }
    expect(started).toBeGreaterThan(1000);
  });
});
