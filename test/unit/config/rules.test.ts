import { describe, expect, it } from 'vitest';
import type { RunConfig } from '../../../src/config/config.ts';
import { fields, optionOf, type Field } from '../../../src/config/options.ts';
import { checkCron, checkScheduled, checkTls, checkTogether, doubtCron } from '../../../src/config/rules.ts';
import { findZone } from '../../../src/config/schedule.ts';

const defaults = Object.fromEntries(
  fields.map((field) => {
    const { kind, default: text } = optionOf(field);
    return [field, text === undefined ? undefined : kind.parse(text)];
  }),
) as unknown as RunConfig;

const sources = Object.fromEntries(fields.map((field) => [field, `from ${field}`])) as Record<Field, string>;

const check = (changes: Partial<RunConfig>): string[] => checkTogether({ ...defaults, ...changes }, sources);

describe('rules of TLS', () => {
  const checked = (changes: Partial<RunConfig>): string[] => checkTls({ ...defaults, ...changes }, sources);
  const files = { zookeeperTlsCert: '/c.pem', zookeeperTlsKey: '/c.key' };

  it.each<[string, Partial<RunConfig>]>([
    ['none', {}],
    ['native without it', { zookeeperClient: 'native' }],
    ['it alone', { zookeeperTls: true }],
    ['the wire client', { zookeeperTls: true, zookeeperClient: 'wire' }],
    ['all of it', { zookeeperTls: true, ...files, zookeeperTlsCa: '/ca.pem', zookeeperTlsServerName: 'zk' }],
  ])('%s may be', (_, changes) => {
    expect(checked(changes)).toEqual([]);
  });

  it('refuse the client that knows no TLS', () => {
    expect(checked({ zookeeperTls: true, zookeeperClient: 'native' })).toEqual([
      'zookeeper-client native (from zookeeperClient) cannot go with zookeeper-tls true (from zookeeperTls): ' +
        "npm's zookeeper knows no TLS: choose auto or wire",
    ]);
  });

  it.each([
    ['zookeeperTlsCa', 'zookeeper-tls-ca'],
    ['zookeeperTlsCert', 'zookeeper-tls-cert'],
    ['zookeeperTlsKey', 'zookeeper-tls-key'],
    ['zookeeperTlsServerName', 'zookeeper-tls-server-name'],
  ])('refuse %s without TLS', (field, key) => {
    expect(checked({ [field]: '/x' })).toEqual([
      `${key} /x (from ${field}) means nothing with zookeeper-tls false (from zookeeperTls): ` +
        'set zookeeper-tls to true, or leave it out',
    ]);
  });

  it('want a certificate and its key together, and report all at once', () => {
    expect(checked({ zookeeperTls: true, zookeeperTlsCert: '/c.pem' })).toEqual([
      'zookeeper-tls-cert /c.pem (from zookeeperTlsCert) needs zookeeper-tls-key, which is not set',
    ]);
    expect(checked({ zookeeperTls: true, zookeeperClient: 'native', zookeeperTlsKey: '/c.key' })).toEqual([
      expect.stringMatching(/^zookeeper-client native/),
      'zookeeper-tls-key /c.key (from zookeeperTlsKey) needs zookeeper-tls-cert, which is not set',
    ]);
  });
});

describe('rules between fields', () => {
  it.each<[string, Partial<RunConfig>]>([
    ['the defaults', {}],
    ['stop with its defaults', { onLeaseLoss: 'stop' }],
    ['the shortest lease', { onLeaseLoss: 'stop', leaseDuration: 500 }],
    ['a lease of the session timeout', { leaseDuration: 5_000 }],
    ['a longer lease', { leaseDuration: 60_000 }],
    ['equal delays', { restartDelay: 30_000 }],
    ['no grace at all', { onLeaseLoss: 'stop', leaseDuration: 500, killAfter: 0 }],
    ['a mixed fleet', { mixedFleet: true, leaseDuration: 5_000 }],
  ])('%s may be', (_, changes) => {
    expect(check(changes)).toEqual([]);
  });

  it('a lease shorter than the session is for stop alone', () => {
    expect(check({ leaseDuration: 4_999 })).toEqual([
      'lease-duration 4.999s (from leaseDuration) must be at least zookeeper-session-timeout 5s (from zookeeperSessionTimeout): ' +
        'with on-lease-loss=keep a shorter lease is lost while its session lives; use on-lease-loss=stop for one',
    ]);
  });

  it('a candidate has a name, also on a host without one', () => {
    expect(check({ candidateId: '' })).toEqual([
      'candidate-id: this host has no name that could be its default: give this candidate a name (--candidate-id)',
    ]);
  });

  it('the longest pause is not shorter than the first', () => {
    expect(check({ restartDelay: 2_000, restartMaxDelay: 1_000 })).toEqual([
      'restart-max-delay 1s (from restartMaxDelay) must be at least restart-delay 2s (from restartDelay): ' +
        'the longest pause cannot be shorter than the first',
    ]);
  });

  it("in a mixed fleet the lease is not longer than what Go's ballot waits for", () => {
    expect(check({ mixedFleet: true, leaseDuration: 6_000 })).toHaveLength(1);
  });

  it('reports all at once', () => {
    expect(check({ leaseDuration: 600, restartDelay: 2_000, restartMaxDelay: 1_000 })).toHaveLength(2);
  });
});

describe('rules of run cron', () => {
  const checked = (changes: Partial<RunConfig>): string[] => checkCron({ ...defaults, ...changes }, sources);
  const doubts = (changes: Partial<RunConfig>): string[] => doubtCron({ ...defaults, ...changes }, sources);

  it.each<[string, Partial<RunConfig>]>([
    ['nothing', {}],
    ['a mixed fleet that gives up missed ticks', { mixedFleet: true }],
    ['missed ticks caught up', { catchUp: 'once', startDeadline: 60_000 }],
  ])('%s may be', (_, changes) => {
    expect(checked(changes)).toEqual([]);
    expect(doubts(changes)).toEqual([]);
  });

  it("cannot catch up what Go's ballot may have run", () => {
    expect(checked({ mixedFleet: true, catchUp: 'once' })).toEqual([
      'catch-up once (from catchUp) cannot go with mixed-fleet true (from mixedFleet): ' +
        "Go's ballot does not record what it ran, so a tick could run twice",
    ]);
  });

  it('need a schedule, and say how to give it', () => {
    expect(checkScheduled({})).toEqual([
      'schedule: is not set, and ballot run cron needs it: --schedule "30 2 * * *", schedule in a file, or BALLOT_SCHEDULE in the environment',
    ]);
    expect(checkScheduled({ schedule: '@daily' })).toEqual([]);
  });

  it.each([
    ['@daily', undefined],
    ['TZ=Local @daily', 'UTC'],
  ])("need the host's zone to be known for %s beside %s, and for no other", (text, zone) => {
    const before = process.env['TZ'];
    process.env['TZ'] = 'Nowhere/Else';
    try {
      expect(findZone(text, zone)).toEqual([
        'the host\'s zone (TZ): unknown time zone "Nowhere/Else": set --timezone (key timezone), or TZ, to an IANA name such as Europe/Paris, or UTC',
      ]);
      expect(findZone('@daily', 'UTC')).toEqual([]);
      expect(findZone('TZ=UTC @daily', undefined)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });

  it('doubt a deadline for what is not caught up', () => {
    expect(doubts({ startDeadline: 60_000 })).toEqual([
      'start-deadline 1m0s (from startDeadline) has no effect: with catch-up none (from catchUp) nothing is caught up',
    ]);
  });

  it('doubt a schedule that says less than it seems to', () => {
    expect(doubts({ schedule: 'TZ= */70 * * * *' })).toEqual([
      'from schedule: schedule "TZ= */70 * * * *": TZ= names no time zone: UTC is taken',
      'from schedule: schedule "TZ= */70 * * * *": minute field "*/70": the step is so long that it names 0 alone',
    ]);
  });

  it.each([
    ['0 0 * * 7', '7 for Sunday'],
    ['0 0 * * 5-7', '7 for Sunday'],
    ['0 0 * * 7/2', '7 for Sunday'],
    ['0 0 L * *', 'L'],
    ['0 0 * * 5L,7L', 'L'],
    ['0 0 * * 7#1', '#'],
    ['H H * * *', 'H'],
    ['0 0 * * mon-sun', 'a range that ends with sun'],
    ['TZ=europe/paris @daily', "the zone name europe/paris (IANA's is Europe/Paris)"],
    ['CRON_TZ=utc 0 0 * * 7', "the zone name utc (IANA's is UTC), 7 for Sunday"],
    ['0 H/2 * * * mon#1', 'a seconds field, H, #'],
  ])("doubt %s in a mixed fleet: Go's ballot does not know %s", (text, extensions) => {
    expect(doubts({ schedule: text })).toEqual([]);
    expect(doubts({ schedule: text, mixedFleet: true })).toEqual([
      `from schedule: schedule "${text}": Go's ballot does not know ${extensions}: its candidates of this mixed fleet will fail`,
    ]);
  });

  it.each(['*/7 0 7 7 1/7', '0 0 1-7 jul-dec ?', 'TZ=Asia/Tokyo @every 7s', '@weekly'])(
    "do not doubt %s there: Go's ballot knows it",
    (text) => {
      const known = doubts({ schedule: text, mixedFleet: true }).filter((doubt) => doubt.includes('Go'));
      expect(known).toEqual([]);
    },
  );

  it("doubt timezone in a mixed fleet, which Go's ballot does not know, unless the schedule has its own", () => {
    const mixed = { mixedFleet: true, timezone: 'Asia/Tokyo' };
    expect(doubts({ ...mixed, schedule: '@daily' })).toEqual([
      'from timezone: timezone "Asia/Tokyo": Go\'s ballot does not know this key, its candidates of this mixed fleet take their hosts\' zones: begin the schedule with CRON_TZ=Asia/Tokyo',
    ]);
    expect(doubts({ ...mixed, schedule: 'TZ=UTC @daily' })).toEqual([]);
    expect(doubts({ ...mixed, timezone: 'asia/tokyo', schedule: '@daily' })[0]).toMatch(/CRON_TZ=Asia\/Tokyo$/);
    expect(doubts({ ...mixed, schedule: '@daily', mixedFleet: false })).toEqual([]);
  });
});
