import { describe, expect, it } from 'vitest';
import { boolean, choice, duration, instant, pemFile, servers, tlsName, znodePath } from '../../../src/config/kinds.ts';
import { schedule, timezone } from '../../../src/config/schedule.ts';
import { escaped } from '../../../src/visible.ts';
import { defaultOf, fieldOf, fields, keyOf, optionOf, options, variableOf } from '../../../src/config/options.ts';

describe('servers', () => {
  it.each([
    ['zk', 'zk:2181'],
    ['zk:2182', 'zk:2182'],
    ['10.0.0.1', '10.0.0.1:2181'],
    ['::1', '[::1]:2181'],
    ['[::1]', '[::1]:2181'],
    ['[::1]:2182', '[::1]:2182'],
    ['a,b , c', 'a:2181,b:2181,c:2181'],
    ['a b', 'a:2181,b:2181'],
    ['a,a:2181,A', 'a:2181'],
    ['a,,b,', 'a:2181,b:2181'],
    ['zoo_1.net-2.example.', 'zoo_1.net-2.example.:2181'],
  ])('%j is %s', (text, written) => {
    expect(servers.format(servers.parse(text))).toBe(written);
    expect(servers.parse(written)).toEqual(servers.parse(text));
  });

  it.each([
    ['', 'no server is named'],
    [' , ', 'no server is named'],
    ['a:0', 'the port must be a number from 1 to 65535'],
    ['a:65536', 'the port must be a number from 1 to 65535'],
    ['a:', 'the port must be a number from 1 to 65535'],
    ['a:http', 'the port must be a number from 1 to 65535'],
    ['[::1]:x', 'the port must be a number from 1 to 65535'],
    [':2181', '":2181" is not a server'],
    ['[zk]:2181', 'is not a server'],
    ['1:2:3', 'the port must be a number'],
    ['-a', 'is not a server'],
    ['a..b', 'is not a server'],
    ['zk:2181/chroot', 'belongs in zookeeper-base-path'],
    ['zk://a', 'or a scheme'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => servers.parse(text)).toThrow(why);
    expect(() => servers.parse(text)).toThrow('host or host:port');
  });

  it('never repeats a password', () => {
    expect(() => servers.parse('zk1,me:secret@zk2')).toThrow('do not belong in a server address');
    expect(() => servers.parse('zk1,me:secret@zk2')).not.toThrow('secret');
  });
});

describe('a PEM file', () => {
  it('is an absolute path, not what is in it', () => {
    expect(pemFile.parse('/etc/ballot/ca.pem')).toBe('/etc/ballot/ca.pem');
    for (const text of ['ca.pem', './ca.pem', '~/ca.pem'])
      expect(() => pemFile.parse(text)).toThrow('an absolute path');
    expect(() => pemFile.parse('-----BEGIN PRIVATE KEY-----\nMIG')).toThrow('not what is in it');
  });
});

describe('a name in a certificate', () => {
  it.each(['zk1.example.org', 'localhost', '10.0.0.1', '::1', 'ZK1'])('may be %s', (name) => {
    expect(tlsName.parse(name)).toBe(name.toLowerCase());
  });

  it.each(['', 'zk1:2181', 'a,b', '*.example.org', '[::1]', 'https://zk1'])('is not %j', (name) => {
    expect(() => tlsName.parse(name)).toThrow('without a port');
  });
});

describe('an instant', () => {
  it.each([
    ['2026-11-21T03:00:00Z', '2026-11-21T03:00:00.000Z'],
    ['2026-11-21T04:00+01:00', '2026-11-21T03:00:00.000Z'],
    ['2026-11-21 03:00:00.5z', '2026-11-21T03:00:00.500Z'],
    ['2024-02-29T00:00:00-12:00', '2024-02-29T12:00:00.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(instant.format(instant.parse(text))).toBe(iso);
  });

  it.each([
    '',
    'now',
    '1763694000',
    '2026-11-21',
    '2026-11-21T03:00:00',
    '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-11-21T24:30:00Z',
  ])('%j is refused', (text) => {
    expect(() => instant.parse(text)).toThrow(/^must be a date and time with its offset, such as /);
  });
});

describe('a base path', () => {
  it.each([
    '/runs',
    '/a/runs/b',
    '/a/overruns',
    '/a/proposal-12',
    '/a',
    '/ballot/election',
    '/a/b.c/d-e_f',
    '/zookeeper-apps/x',
    '/ä/…',
  ])('%s is taken', (path) => {
    expect(znodePath.parse(path)).toBe(path);
  });

  it.each([
    ['', 'must start with /'],
    ['ballot', 'must start with /'],
    ['/', 'cannot be the root'],
    ['/a/', 'must not end with /'],
    ['//a', 'empty component'],
    ['/a//b', 'empty component'],
    ['/a/./b', 'the component .'],
    ['/a/..', 'the component ..'],
    ['/a\nb', 'characters that ZooKeeper refuses'],
    ['/a\u0000', 'characters that ZooKeeper refuses'],
    ['/a\u0085', 'characters that ZooKeeper refuses'],
    ['/a\ud83d\ude00', 'characters that ZooKeeper refuses'],
    ['/zookeeper', "ZooKeeper's own"],
    ['/zookeeper/quota', "ZooKeeper's own"],
    ['/a/runs', 'cannot end with /runs: it would be the ledger of runs of the election /a'],
    ['/a/b/proposal-0000000012', 'a place in the queue of the election /a/b'],
    ['/a/proposal--2147483648', 'a place in the queue of the election /a'],
  ])('%j is refused: %s (defect 25: found at start, not inside the election)', (path, why) => {
    expect(() => znodePath.parse(path)).toThrow(why);
  });
});

/** White space, what has no width, fillers, selectors of variants, tags, blanks, control characters. */
const unseen = [
  ...[' ', '\t', '\u00a0', '\u200b', '\u200d', '\u200e', '\ufeff', '\u00ad', '\u3164', '\ufe0f', '\u{e0041}'],
  ...['\u2003', '\u3000', '\u2028', '\u2800', '\u0085', '\u007f'],
];

describe('what cannot be seen', () => {
  const places = (mark: string, value: string): string[] => [
    `${mark}${value}`,
    `${value}${mark}`,
    `${value.slice(0, 2)}${mark}${value.slice(2)}`,
  ];

  it.each(unseen)('%j is refused in a base path', (mark) => {
    for (const path of places(mark, '/job')) expect(() => znodePath.parse(path)).toThrow(znodePath.allowed);
  });

  it.each(unseen)('%j is refused in a candidate id', (mark) => {
    for (const id of places(mark, 'node')) {
      expect(() => options.candidateId.kind.parse(id)).toThrow(/^must not hold white space, control or invisible char/);
    }
  });

  it.each(unseen.filter((mark) => ![' ', '\t'].includes(mark)))('%j is refused in a server, and seen', (mark) => {
    for (const list of places(mark, 'zk')) {
      expect(() => servers.parse(`a,${list}`)).toThrow(`${escaped(list)} is not a server`);
    }
    expect(escaped(mark)).toMatch(/^"(\\u[0-9a-f]{4}){1,2}"$/);
  });

  it('is named', () => {
    expect(() => znodePath.parse('/job ')).toThrow('and holds a space: an absolute ZooKeeper path');
    expect(() => znodePath.parse('/job\u00a0')).toThrow('and holds U+00A0: an absolute ZooKeeper path');
  });
});

describe('truth values', () => {
  it.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['false', false],
    ['F', false],
    ['0', false],
  ])('%s is %s, as for Go', (text, value) => {
    expect(boolean.parse(text)).toBe(value);
  });

  it.each(['maybe', 'yes', 'no', 'on', '', ' true'])('%j is neither (defect 24: "maybe" meant false)', (text) => {
    expect(() => boolean.parse(text)).toThrow('must be true or false');
  });
});

describe('choices', () => {
  it('take any case and known aliases, and name what is allowed', () => {
    const colour = choice(['red', 'green'], { rot: 'red' });
    expect(colour.parse('Green')).toBe('green');
    expect(colour.parse('ROT')).toBe('red');
    expect(() => colour.parse('blue')).toThrow('must be one of red, green');
  });
});

describe('durations', () => {
  const kind = duration('500ms', '24h');

  it.each([
    ['500ms', 500],
    ['1h', 3_600_000],
    ['24h', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(kind.parse(text)).toBe(ms);
  });

  it.each([
    ['5', 'the unit is missing'],
    ['5 s', 'no spaces are allowed'],
    ['-1s', 'cannot be negative'],
    ['1e3s', 'no exponent is allowed'],
    ['0', 'must be from 500ms to 24h'],
    ['499ms', 'must be from 500ms to 24h'],
    ['24h1ms', 'must be from 500ms to 24h'],
    ['500.5ms', 'must be whole milliseconds'],
    ['none', 'does not start with a number'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => kind.parse(text)).toThrow(why);
  });

  it('may be none where that is allowed', () => {
    const open = duration('1ms', '1h', 'none');
    expect(open.parse('none')).toBeUndefined();
    expect(open.parse('None')).toBeUndefined();
    expect(open.format(undefined)).toBe('none');
    expect(() => open.parse('0')).toThrow('must be from 1ms to 1h, or none');
  });

  it('have a schema that takes what the parser takes', () => {
    const pattern = new RegExp(duration('0s', '9h').schema['pattern'] as string);
    for (const good of ['0', '5s', '1m30s', '1.5h', '.5s', '5.s', '500ms', '3us', '3µs']) expect(good).toMatch(pattern);
    for (const bad of ['5', '', '5 s', '-1s', '1e3s', 's']) expect(bad).not.toMatch(pattern);
  });
});

describe('a schedule', () => {
  it.each([
    '30 2 * * mon-fri',
    ' @daily ',
    'CRON_TZ=Asia/Tokyo @every 90s',
    '*/10 H(0-29) * L * 5L',
    'TZ=Local 0 0 * * 7',
  ])('%j is kept as it is written', (text) => {
    expect(schedule.parse(text)).toBe(text);
    expect(schedule.format(text)).toBe(text);
  });

  it.each([
    ['60 * * * *', /^minute field "60": 0 to 59$/],
    ['@every 5', /^@every "5": the unit is missing: a duration is /],
    ['TZ=Nowhere @daily', /^unknown time zone "Nowhere"; an IANA name such as Europe\/Paris, or UTC$/],
    ['TZ=UTC', /^a time zone without a schedule after it; a schedule is five fields .+ or one of @yearly .+ @hourly$/],
    ['@reboot', /^unknown; a schedule is five fields /],
    ['* * *', /^3 fields, not 5 or 6; a schedule is five fields /],
    ['', /^empty, not 5 or 6 fields; a schedule is five fields /],
    ['0 0 30 2 *', /^day-of-month field "30": no month of "2" has such a day: it would never fire$/],
  ])('%j is refused, and key and value are left for others to name', (text, why) => {
    expect(() => schedule.parse(text)).toThrow(why);
  });
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Paris', 'America/Argentina/Salta'])('%s is known', (name) => {
    expect(timezone.parse(name)).toBe(name);
  });

  it.each(['', 'Nowhere', 'Europe/Xyz', '+05:00', 'Local'])('%j is not', (name) => {
    expect(() => timezone.parse(name)).toThrow(/^unknown: an IANA name such as Europe\/Paris, or UTC$/);
  });

  it.each([
    ['Europe/Berlln', 'Europe/Berlin'],
    ['BST', 'Europe/London'],
    ['IST', 'Asia/Kolkata'],
  ])('%j is not; %s may have been meant', (name, meant) => {
    expect(() => timezone.parse(name)).toThrow(`unknown (did you mean ${meant}?): an IANA name`);
  });
});

describe('the table of options', () => {
  it.each(fields)('%s: its default is a value of its kind, and is written back as the same', (field) => {
    const { kind, default: text, defaultNote, example } = optionOf(field);
    expect(text === undefined).toBe(defaultNote !== undefined);
    for (const written of [text, example].filter((value) => value !== undefined)) {
      expect(kind.parse(kind.format(kind.parse(written)))).toEqual(kind.parse(written));
    }
    expect(defaultOf(field)).not.toBe('');
  });

  it('names flags, file keys and variables', () => {
    expect(keyOf('zookeeperSessionTimeout')).toBe('zookeeper-session-timeout');
    expect(variableOf('zookeeperSessionTimeout')).toBe('ZOOKEEPER_SESSION_TIMEOUT');
    expect(fieldOf('Zookeeper-Session-Timeout')).toBe('zookeeperSessionTimeout');
    expect(fieldOf('zookeeper-session')).toBeUndefined();
  });

  it('knows which keys have a variable without the prefix', () => {
    const bare = fields.filter((field) => options[field].inGo).map(keyOf);
    expect(bare).toEqual([
      'config-file',
      'zookeeper-servers',
      'zookeeper-base-path',
      'zookeeper-session-timeout',
      'log-level',
      'log-format',
      'debug',
      'candidate-id',
      'on-child-success',
      'on-child-error',
      'on-election-failure',
      'wrap-child-logs',
      'schedule',
    ]);
  });

  it('takes panic for fatal, and signals with or without SIG', () => {
    expect(options.logLevel.kind.parse('panic')).toBe('fatal');
    expect(options.stopSignal.kind.parse('int')).toBe('SIGINT');
    expect(options.stopSignal.kind.parse('SIGUSR1')).toBe('SIGUSR1');
    expect(() => options.stopSignal.kind.parse('SIGSTOP')).toThrow('must be one of');
  });
});
