import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../src/errors.ts';
import { understand } from '../../../src/library/options.ts';

/** What is wrong with these options. */
function problemsOf(options: unknown): readonly string[] {
  try {
    understand(options, 'vm');
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).problems;
  }
}

describe('options of a program', () => {
  it('are the keys of the configuration, with its defaults', () => {
    const { stateDir, ...rest } = understand({}, 'vm').config;
    expect(stateDir).toMatch(/^\/.*\/ballot$/);
    expect(rest).toEqual({
      coordinator: 'zookeeper',
      election: 'election',
      stateGroup: undefined,
      zookeeperServers: [{ host: 'localhost', port: 2181 }],
      zookeeperBasePath: '/ballot/election',
      zookeeperSessionTimeout: 5000,
      zookeeperClient: 'auto',
      zookeeperTls: false,
      zookeeperTlsCa: undefined,
      zookeeperTlsCert: undefined,
      zookeeperTlsKey: undefined,
      zookeeperTlsServerName: undefined,
      zookeeperAuth: undefined,
      zookeeperAcl: 'open',
      mixedFleet: false,
      debug: false,
      candidateId: 'vm',
      onElectionFailure: 'retry',
      killAfter: 10_000,
      leaseDuration: undefined,
      electionTimeout: undefined,
    });
  });

  it('take texts, numbers of milliseconds, booleans and arrays; undefined is not given', () => {
    const given = {
      election: 'job',
      zookeeperServers: ['a', 'b:1'],
      zookeeperSessionTimeout: 1500,
      leaseDuration: '1m30s',
      mixedFleet: undefined,
      debug: true,
      candidateId: undefined,
    };
    expect(understand(given, 'vm').config).toMatchObject({
      zookeeperBasePath: '/ballot/job',
      zookeeperServers: [
        { host: 'a', port: 2181 },
        { host: 'b', port: 1 },
      ],
      zookeeperSessionTimeout: 1500,
      leaseDuration: 90_000,
      mixedFleet: false,
      debug: true,
      candidateId: 'vm',
    });
  });

  it('read neither the environment nor files', () => {
    process.env['BALLOT_CANDIDATE_ID'] = 'from the environment';
    try {
      expect(understand({}, 'vm').config.candidateId).toBe('vm');
    } finally {
      delete process.env['BALLOT_CANDIDATE_ID'];
    }
  });

  it.each([
    [{ zookeeperSessionTimeout: NaN }, 'option zookeeperSessionTimeout: NaN must be a duration'],
    [{ zookeeperSessionTimeout: 1.5 }, 'must be from 500ms to 24h'],
    [{ zookeeperServers: ['a', 7] }, 'must be a string or an array of strings'],
    [{ debug: 1 }, 'option debug: 1 must be a boolean'],
    [{ candidateId: { name: 'x' } }, 'must be a string: a name'],
    [{ candidateId: '' }, 'must not be empty'],
    [{ onChildError: 'exit' }, 'option onChildError: unknown option'],
    [{ leaseduration: '5s' }, 'unknown option (did you mean leaseDuration?)'],
    [{ election: '' }, 'must be up to 128 letters'],
    [{ coordinator: 'etcd' }, 'must be one of zookeeper, local'],
    [{ coordinator: 'local', leaseDuration: '5s' }, 'option leaseDuration: means nothing with coordinator local'],
    [{ stateDir: '/x' }, 'option stateDir: means nothing with coordinator zookeeper'],
    [{ zookeeperBasePath: 'job' }, 'must start with /'],
    [{ signal: new AbortController() }, 'must be an AbortSignal'],
    [{ logger: { info: 'console' } }, 'must be an object with functions'],
    [undefined, 'undefined is no object of options'],
    [null, 'null is no object of options'],
  ])('%j are refused', (options, problem) => {
    const problems = problemsOf(options);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('tell a logger what it wants to hear', () => {
    const heard: unknown[] = [];
    const { logger } = understand({ logger: { warn: (...line: unknown[]) => heard.push(line) } }, 'vm');
    logger.info('nobody hears this');
    logger.warn('a warning', { why: 'because' });
    expect(heard).toEqual([['a warning', { why: 'because' }]]);
  });
});
