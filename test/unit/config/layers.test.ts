import { describe, expect, it } from 'vitest';
import { documentLayer } from '../../../src/config/document.ts';
import { environmentLayer, flagLayer } from '../../../src/config/layers.ts';
import { mask } from '../../../src/visible.ts';
import { nearest } from '../../../src/config/nearest.ts';

describe('nearest', () => {
  const known = ['log-level', 'log-format', 'lease-duration', 'kill-after', 'debug'];
  it.each([
    ['log-levl', 'log-level'],
    ['LOG_LEVEL', 'log-level'],
    ['loglevel', 'log-level'],
    ['kil-after', 'kill-after'],
    ['kill-aftre', 'kill-after'],
    ['lease', 'lease-duration'],
    ['dbug', 'debug'],
    ['colour', undefined],
    ['x', undefined],
  ])('%s is probably %s', (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });
});

describe('mask', () => {
  it.each([
    ['"-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMG"', '"-----BEGIN ***"'],
    ['me:secret@zk', '***@zk'],
    ['zk://me:secret@zk1:2181', '***@zk1:2181'],
    ['a,me:se/cr,et@b', '***@b'],
    ['me:se cr@et@b', '***@b'],
    ['"me:secret@zk"', '"***@zk"'],
    ['zk:2181', 'zk:2181'],
    ['who@where', 'who@where'],
  ])('%s is shown as %s', (value, shown) => {
    expect(mask(value)).toBe(shown);
  });
});

describe('the environment', () => {
  it('has the prefixed variable before the bare one, and takes an empty one as unset', () => {
    const { settings, problems } = environmentLayer({
      BALLOT_LOG_LEVEL: 'debug',
      LOG_LEVEL: 'error',
      BALLOT_LOG_FORMAT: '',
      LOG_FORMAT: 'json',
      BALLOT_DEBUG: '',
      DEBUG: '',
    });
    expect(problems).toEqual([]);
    expect(settings).toEqual([
      { field: 'logLevel', text: 'debug', source: 'environment BALLOT_LOG_LEVEL' },
      { field: 'logFormat', text: 'json', source: 'environment LOG_FORMAT', ambient: true },
    ]);
  });

  it("knows Go's variables without the prefix, and only those", () => {
    const { settings } = environmentLayer({
      ZOOKEEPER_SERVERS: 'a',
      CANDIDATE_ID: 'c',
      KILL_AFTER: '1s',
      STOP_SIGNAL: 'x',
    });
    expect(settings.map(({ field }) => field)).toEqual(['zookeeperServers', 'candidateId']);
  });

  it('refuses unknown variables with the prefix, with a suggestion', () => {
    expect(environmentLayer({ BALLOT_LOG_LEVL: 'x', BALLOT_COLOUR: 'x' }).problems).toEqual([
      'environment BALLOT_LOG_LEVL: unknown variable (did you mean BALLOT_LOG_LEVEL?)',
      'environment BALLOT_COLOUR: unknown variable',
    ]);
  });

  it('takes what ballot gives its commands, and what Kubernetes puts beside a service called ballot', () => {
    const given = {
      BALLOT_CANDIDATE_ID: 'c',
      BALLOT_ZOOKEEPER_SERVERS: 'a',
      BALLOT_ZOOKEEPER_BASE_PATH: '/b',
      BALLOT_FENCING_TOKEN: '12',
      BALLOT_RUN_ID: 'r',
      BALLOT_TICK: 't',
      BALLOT_SERVICE_HOST: '10.0.0.1',
      BALLOT_SERVICE_PORT: '80',
      BALLOT_SERVICE_PORT_HTTP: '80',
      BALLOT_PORT: 'tcp://10.0.0.1:80',
      BALLOT_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    expect(environmentLayer(given).problems).toEqual([]);
  });

  it.each(['BALLOT', 'BALLOT_ZK', 'BALLOT_ZOOKEEPER', 'BALLOT_LOG_LEVEL', 'BALLOT_A_B_C_2'])(
    'passes over what Kubernetes makes of the service %s',
    (service) => {
      const port = `${service}_PORT_2181_TCP`;
      const made = {
        [`${service}_SERVICE_HOST`]: '10.0.0.1',
        [`${service}_SERVICE_PORT`]: '2181',
        [`${service}_SERVICE_PORT_CLIENT_TLS`]: '2181',
        [`${service}_PORT`]: 'tcp://10.0.0.1:2181',
        [port]: 'tcp://10.0.0.1:2181',
        [`${port}_PROTO`]: 'tcp',
        [`${port}_PORT`]: '2181',
        [`${port}_ADDR`]: '10.0.0.1',
        [`${service}_PORT_53_UDP`]: 'udp://10.0.0.1:53',
        [`${service}_PORT_38412_SCTP_ADDR`]: '10.0.0.1',
      };
      expect(environmentLayer(made)).toEqual({ settings: [], problems: [] });
    },
  );

  it.each([
    ['BALLOT_ZOOKEEPER_PORT', '2181'],
    ['BALLOT_ZOOKEEPER_HOST', '10.0.0.1'],
    ['BALLOT_ZOOKEEPER_SERVERS_PORT_X', '2181'],
  ])('refuses %s=%s, which Kubernetes does not make', (name, value) => {
    expect(environmentLayer({ [name]: value }).problems).toEqual([
      expect.stringContaining(`environment ${name}: unknown variable`),
    ]);
  });
});

describe('flags', () => {
  it('make a list when repeated where the option is one (defect 20), else the last one counts', () => {
    const flags = new Map([
      ['zookeeper-servers', ['a,b', 'c']],
      ['log-level', ['debug', 'warn']],
      ['output', ['json']],
    ]);
    expect(flagLayer(flags).settings).toEqual([
      { field: 'zookeeperServers', text: 'a,b,c', source: 'flag --zookeeper-servers' },
      { field: 'logLevel', text: 'warn', source: 'flag --log-level' },
    ]);
  });
});

describe('a file', () => {
  const read = (content: string): ReturnType<typeof documentLayer> => documentLayer('/f', content);

  it('gives each key its line, whatever its case', () => {
    expect(read('# a comment\nLog-Level: warn\n\nwrap-child-logs: false\n')).toEqual({
      settings: [
        { field: 'logLevel', text: 'warn', source: '/f:2' },
        { field: 'wrapChildLogs', text: 'false', source: '/f:4' },
      ],
      problems: [],
    });
  });

  it('may be JSON, indented with tabs too', () => {
    expect(read('{\n\t"log-level": "warn",\n\t"zookeeper-servers": ["a", "b:1"]\n}\n')).toEqual({
      settings: [
        { field: 'logLevel', text: 'warn', source: '/f:2' },
        { field: 'zookeeperServers', text: 'a,b:1', source: '/f:3' },
      ],
      problems: [],
    });
  });

  it.each(['', '\n\n', '# only a comment\n', '---\n', '{}', '\ufeff', 'null'])('may be empty: %j', (content) => {
    expect(read(content)).toEqual({ settings: [], problems: [] });
  });

  it.each([
    ['log-level: "warn\n', /^\/f:2:1: not valid: .+/],
    ['{"log-level": "warn"', /^\/f:1:\d+: not valid: .+/],
    ['a: b: c\n', /^\/f:1:4: not valid: .+/],
    ['log-level: info\nlog-level: warn\n', /^\/f:2:1: not valid: a key is given twice$/],
    ['log-level: info\nLog-Level: warn\n', /^\/f:2: log-level: is given twice, before at \/f:1/],
    [
      'log-level: info\n---\nlog-level: warn\n',
      /^\/f:\d:\d: not valid: a second document begins: .+ remove the line ---$/,
    ],
    ['log\u00a0level: warn\n', /^\/f:1: "log\\u00a0level": unknown key/],
    ['zookeeper-servers: &a [x, *a]\n', /^\/f:1: zookeeper-servers: a list in the list must be text/],
    [
      'zookeeper-servers: [&a [x, x, x, x, x], &b [*a, *a, *a, *a, *a], &c [*b, *b, *b, *b, *b], *c, *c, *c]\n',
      /^\/f:1: zookeeper-servers: holds aliases \(\*name\) that lead to too much, or nowhere$/,
    ],
    ['log-level: info\nschedule: @daily\n', /^\/f:2:11: not valid: .+: text that begins with \* or @ needs quotes$/],
    ['schedule: * * * * *\n', /^\/f:1:11: not valid: .+: text that begins with \* or @ needs quotes$/],
    ['schedule: */5 * * * *\n', /^\/f:1:1\d: not valid: .+: text that begins with \* or @ needs quotes$/],
    ['candidate-id: *x\n', /^\/f:1:15: not valid: an alias of nothing: text that begins with \* or @ needs quotes$/],
    ['schedule: 5\n', /^\/f:1: schedule: 5: 1 field, not 5 or 6; a schedule is five fields .+ @hourly$/],
    ['- log-level\n', /^\/f: must hold keys and values, not a list/],
    ['log-level\n', /^\/f: must hold keys and values, not a single value/],
    ['log-levl: warn\n', /^\/f:1: log-levl: unknown key \(did you mean log-level\?\)/],
    ['5: warn\n', /^\/f:1: 5: unknown key$/],
    ['$import: /etc/passwd\n', /^\/f:1: \$import: unknown key$/],
    ['config-file: x\n', /^\/f:1: config-file: cannot be set in a file/],
    ['log-level:\n', /^\/f:1: log-level: has no value: give one \(trace, debug/],
    ['kill-after: 10\n', /^\/f:1: kill-after: 10: the unit is missing: a duration is .+ such as 1m30s/],
    ['candidate-id: 7\n', /^\/f:1: candidate-id: 7: is a number where text is expected: put it in quotes/],
    ['candidate-id: true\n', /^\/f:1: candidate-id: true: is a boolean where text is expected/],
    ['log-level: [warn]\n', /^\/f:1: log-level: must be trace, .+, not a list/],
    ['log-level: {a: b}\n', /^\/f:1: log-level: must be trace, .+, not a group of keys/],
    ['wrap-child-logs: 7\n', /^\/f:1: wrap-child-logs: 7: must be true or false/],
    ['zookeeper-servers: [a, 7]\n', /^\/f:1: zookeeper-servers: 7 in the list must be text/],
    ['zookeeper-servers: {host: a}\n', /^\/f:1: zookeeper-servers: must be host or host:port/],
  ])('%j is refused with its line', (content, problem) => {
    const { problems } = read(content);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('takes a value from elsewhere in the file', () => {
    expect(read('kill-after: &grace 5s\nrestart-delay: *grace\n').settings.map(({ text }) => text)).toEqual([
      '5s',
      '5s',
    ]);
  });

  it('names the first fault of each line, in order', () => {
    expect(read('schedule: * * * * *\ntimezone: @x\n').problems.map((line) => line.slice(0, 6))).toEqual([
      '/f:1:1',
      '/f:2:1',
    ]);
  });

  it.each([
    'a: |x\n',
    'a: "\\q"\n',
    'a:\n\tb: c\n',
    'a: [1, 2\n',
    'a: {b: c\n',
    'a: b\n c: d\n',
    'a: !foo b\n',
    'a: &x &y b\n',
    'a: ]\n',
    'a: %b\n',
    '%FOO bar\n---\na: b\n',
    'a\nb: c\n',
    'a: b\n---\nc: d\n',
    '? [a]\n: !!int x\n',
  ])('says in words of its own why %j is not valid', (content) => {
    const { problems } = read(content);
    expect(problems).not.toEqual([]);
    const library = /please|YAML|token|scalar|flow|implicit|resolved|collection/i;
    for (const problem of problems) expect(problem).not.toMatch(library);
  });

  const text = 'log-level: warn\n';
  it.each([
    ['little-endian, marked', Buffer.from(`\ufeff${text}`, 'utf16le'), 'is in UTF-16: save it as UTF-8'],
    ['big-endian, marked', Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), 'is in UTF-16: save it as UTF-8'],
    ['little-endian', Buffer.from(text, 'utf16le'), 'holds NUL characters, as a file in UTF-16 does: save it as UTF-8'],
    [
      'big-endian',
      Buffer.from(text, 'utf16le').swap16(),
      'holds NUL characters, as a file in UTF-16 does: save it as UTF-8',
    ],
  ])('in UTF-16 (%s) is refused as such', (_, bytes, why) => {
    const { problems } = read(bytes.toString('utf8'));
    expect(problems).toEqual([`/f: ${why}`]);
  });

  it('does not quote the line of a syntax error, which may hold a secret', () => {
    expect(read('password: "hunter2\n').problems.join()).not.toContain('hunter2');
  });
});
