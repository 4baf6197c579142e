import { describe, expect, it } from 'vitest';
import type { CatchUpRules } from '../../../src/ledger/catch-up.ts';
import { parseSchedule } from '../../../src/cron/expression.ts';
import { parseLedger, type Ledger } from '../../../src/ledger/record.ts';
import { RunLedger } from '../../../src/ledger/ledger.ts';
import { Scheduler } from '../../../src/supervisor/scheduler.ts';
import { FakeRegister, FakeZnode } from '../../support/fake-register.ts';
import { recorder, type LogLine } from '../../support/sessions.ts';
import { EPOCH, VirtualClock, type VirtualProcess } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const NONE: CatchUpRules = { catchUp: 'none', startDeadline: undefined, mixedFleet: false };
const ONCE: CatchUpRules = { ...NONE, catchUp: 'once' };

interface Candidate {
  readonly process: VirtualProcess;
  readonly ledger: RunLedger;
  readonly scheduler: Scheduler;
  readonly ticks: string[];
  readonly lines: LogLine[];
  readonly serving: AbortController;
}

/** Hours and minutes of an instant in UTC. */
const time = (instant: number): string => new Date(instant).toISOString().slice(11, 16);

/** Candidates that lead one after the other. Time begins at midnight in UTC. */
class World {
  readonly clock = new VirtualClock(1);
  readonly znode = new FakeZnode();
  #token = 100_000;

  candidate(name: string, text: string, { rules = NONE, timezone = 'UTC' } = {}): Candidate {
    const { schedule, record } = parseSchedule(text, { timezone, seed: '/e' });
    const process = this.clock.process();
    const { lines, logger } = recorder();
    const register = new FakeRegister(name, this.znode, process);
    const service = { ...record, candidateId: name, hostname: `host-${name}` };
    const ledger = new RunLedger({ register, clock: process, logger, service });
    const scheduler = new Scheduler({ schedule, ledger, rules, clock: process, logger });
    return { process, ledger, scheduler, ticks: [], lines, serving: new AbortController() };
  }

  /** Begins a term. `starts`: each tick is entered and started at once; else it waits. */
  async lead({ scheduler, ledger, ticks, process, serving }: Candidate, starts = true): Promise<void> {
    this.#token += 1;
    const token = this.#token;
    const onTick = (tick: number): void => {
      ticks.push(time(tick));
      if (!starts) return;
      scheduler.settle(tick);
      void ledger.enter({ runId: `${token}.${tick}`, tick, candidateId: 'x', start: process.wall() }, 1000);
    };
    await this.clock.wait(scheduler.serve(token, onTick, serving.signal));
    await this.pass(100);
  }

  async handOver({ scheduler, serving }: Candidate): Promise<void> {
    serving.abort();
    await this.clock.wait(scheduler.handOver(1000, false));
  }

  crash({ serving, ledger }: Candidate): void {
    serving.abort();
    ledger.termOver();
  }

  async pass(ms: number): Promise<void> {
    this.clock.entered();
    await this.clock.run(this.clock.time + ms);
  }

  /** Until it is so late on the first day. */
  until(minutes: number): Promise<void> {
    return this.pass(minutes * MINUTE - this.clock.time);
  }

  get stored(): Ledger {
    const parsed = parseLedger(this.znode.state?.data ?? Buffer.alloc(0));
    if (parsed.kind !== 'ledger') throw new Error(JSON.stringify(parsed));
    return parsed.ledger;
  }
}

const changes = ({ lines }: Candidate): LogLine[] =>
  lines.filter(({ message }) => message.startsWith('another schedule is served'));

describe('a schedule or a zone that was changed', () => {
  it.each([
    ['handed over', NONE],
    ['handed over', ONCE],
    ['crashed', ONCE],
  ] as const)('starts no tick of its past (the leader before %s, %j)', async (ended, rules) => {
    const world = new World();
    const before = world.candidate('a', '5 * * * *', { rules });
    await world.lead(before);
    await world.until(6);
    // The tick of the next schedule lies between the two leaders, some seconds ago.
    if (ended === 'crashed') world.crash(before);
    else await world.handOver(before);
    await world.pass(65_000);
    const after = world.candidate('b', '7 * * * *', { rules });
    await world.lead(after);
    expect(after.ticks).toEqual([]);
    await world.pass(HOUR);
    expect(after.ticks).toEqual(['01:07']);
    expect(changes(after)).toMatchObject([
      {
        level: 'warn',
        fields: {
          before: '5 * * * * in UTC (a on host-a)',
          now: '7 * * * * in UTC (b on host-b)',
          next: '2026-11-21T01:07:00Z',
        },
      },
    ]);
  });

  it('makes up nothing when hosts of different zones follow each other', async () => {
    const world = new World();
    const schedule = '0 3 * * *';
    const tokyo = world.candidate('a', schedule, { timezone: 'Asia/Tokyo', rules: ONCE });
    await world.lead(tokyo);
    await world.until(12 * 60);
    world.crash(tokyo);
    const utc = world.candidate('b', schedule, { timezone: 'UTC', rules: ONCE });
    await world.lead(utc);
    expect(utc.ticks).toEqual([]);
    expect(changes(utc)).toHaveLength(1);
    world.crash(utc);
    await world.until(19 * 60);
    const again = world.candidate('a', schedule, { timezone: 'Asia/Tokyo', rules: ONCE });
    await world.lead(again);
    expect(again.ticks).toEqual([]);
    expect(changes(again)).toHaveLength(1);
  });

  it.each([
    ['0 * * * *', '@hourly', 'UTC'],
    ['0 * * * *', 'CRON_TZ=Etc/UTC 0  *  * * *', 'Asia/Tokyo'],
    ['@every 1h', '@every 60m', 'Asia/Tokyo'],
  ])('is none when %s becomes %s: the tick that was missed is made up', async (one, other, timezone) => {
    const world = new World();
    const before = world.candidate('a', one, { rules: ONCE });
    await world.lead(before);
    world.crash(before);
    await world.until(61);
    const after = world.candidate('b', other, { timezone, rules: ONCE });
    await world.lead(after);
    expect(after.ticks).toEqual(['01:00']);
    expect(changes(after)).toEqual([]);
  });

  it('is not known of a ledger that says nothing of it, as those of older ballots', async () => {
    const world = new World();
    world.znode.make();
    world.znode.set('older', Buffer.from('{"fencingToken":1,"through":"2026-11-21T00:00:00Z","runs":[]}'), -1);
    await world.until(61);
    const next = world.candidate('b', '@hourly', { rules: ONCE });
    await world.lead(next);
    expect(next.ticks).toEqual(['01:00']);
    expect(changes(next)).toEqual([]);
    expect(world.stored).toMatchObject({ schedule: '@hourly', timezone: 'UTC', candidateId: 'b', hostname: 'host-b' });
  });
});

describe('an orderly handover', () => {
  it('settles everything up to itself', async () => {
    const world = new World();
    const leader = world.candidate('a', '@hourly');
    await world.lead(leader);
    await world.until(90);
    await world.handOver(leader);
    expect(world.stored.through).toBe(world.stored.handedOver);
    expect(world.stored.through).toBeCloseTo(EPOCH + 90 * MINUTE, -2);
  });

  it('leaves a tick that waits, however old, to the next leader, and those before it to nobody', async () => {
    const world = new World();
    const leader = world.candidate('a', '*/15 * * * *');
    await world.lead(leader, false);
    await world.until(40);
    expect(leader.ticks).toEqual(['00:15', '00:30']);
    await world.handOver(leader);
    expect(world.stored.through).toBe(EPOCH + 30 * MINUTE - 1);
    const next = world.candidate('b', '*/15 * * * *');
    await world.lead(next);
    expect(next.ticks).toEqual(['00:30']);
  });

  it('leaves a tick that has become due meanwhile to the next leader', async () => {
    const world = new World();
    const leader = world.candidate('a', '@hourly');
    await world.lead(leader);
    leader.serving.abort();
    await world.until(60);
    await world.pass(20);
    await world.handOver(leader);
    const next = world.candidate('b', '@hourly');
    await world.lead(next);
    expect(next.ticks).toEqual(['01:00']);
  });

  it.each([
    [NONE, []],
    [ONCE, ['05:00']],
  ])('does not take ticks that the clock was set forward over for waiting ones (%j)', async (rules, expected) => {
    const world = new World();
    const leader = world.candidate('a', '@hourly', { rules });
    await world.lead(leader);
    leader.process.stepWall(5.5 * HOUR);
    await world.handOver(leader);
    await world.pass(5.5 * HOUR + 5_000);
    const next = world.candidate('b', '@hourly', { rules });
    await world.lead(next);
    expect(next.ticks).toEqual(expected);
  });
});

describe('a tick that was started here without leadership', () => {
  it('is not made up by this candidate when it leads: the ledger knows nothing of it', async () => {
    const world = new World();
    const before = world.candidate('a', '@hourly');
    await world.lead(before);
    world.crash(before);
    const anyway = world.candidate('b', '@hourly', { rules: ONCE });
    const alone = new AbortController();
    const onTick = (tick: number): void => {
      anyway.ticks.push(time(tick));
      anyway.scheduler.settle(tick);
    };
    await world.clock.wait(anyway.scheduler.serve(undefined, onTick, alone.signal));
    await world.until(61);
    alone.abort();
    expect(anyway.ticks).toEqual(['01:00']);
    await world.lead(anyway);
    await world.until(121);
    expect(anyway.ticks).toEqual(['01:00', '02:00']);
  });
});

describe('ticks that nobody served', () => {
  it('are counted, with the first and the last of them', async () => {
    const world = new World();
    const leader = world.candidate('a', '@hourly');
    await world.lead(leader);
    world.crash(leader);
    await world.until(28 * 60 + 30);
    const next = world.candidate('b', '@hourly');
    await world.lead(next);
    expect(next.lines.find(({ message }) => message.includes('missed'))).toMatchObject({
      level: 'warn',
      message: '28 ticks missed: nobody served them, and they are not made up',
      fields: { count: 28, from: '2026-11-21T01:00:00Z', to: '2026-11-22T04:00:00Z' },
    });
  });
});

describe('after a step of the clock', () => {
  const said = ({ lines }: Candidate, what: string): unknown =>
    lines.find(({ message }) => message.includes(what))?.fields?.['next'];

  it('back, it is said until when nothing is due', async () => {
    const world = new World();
    const leader = world.candidate('a', '@hourly');
    await world.lead(leader);
    await world.until(130);
    leader.process.stepWall(-90 * MINUTE);
    await world.pass(MINUTE);
    expect(said(leader, 'was set back')).toBe('2026-11-21T03:00:00Z');
  });

  it('forward, too', async () => {
    const world = new World();
    const leader = world.candidate('a', '@hourly');
    await world.lead(leader);
    leader.process.stepWall(90 * MINUTE);
    await world.pass(MINUTE);
    expect(said(leader, 'ticks were missed')).toBe('2026-11-21T02:00:00Z');
  });

  it('that another leader has left in the ledger, too', async () => {
    const world = new World();
    const wrong = world.candidate('a', '@hourly');
    wrong.process.stepWall(5.5 * HOUR);
    await world.lead(wrong);
    world.crash(wrong);
    const next = world.candidate('b', '@hourly');
    await world.lead(next);
    expect(said(next, 'is ahead of this host')).toBe('2026-11-21T06:00:00Z');
  });
});
