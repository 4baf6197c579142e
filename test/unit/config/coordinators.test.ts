import { describe, expect, it } from 'vitest';
import { loadRun, type LoadInput } from '../../../src/config/load.ts';
import { defaultStateDir } from '../../../src/config/coordinators.ts';

const load = (flags: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) => {
  const input: LoadInput = {
    flags: new Map(Object.entries(flags).map(([name, value]) => [name, [value]])),
    env,
    folders: [],
    cwd: '/',
    hostname: 'here',
  };
  return loadRun(input);
};

describe('the coordinator of the configuration', () => {
  it('is ZooKeeper, and the base path follows the election’s name', async () => {
    expect((await load({})).config).toMatchObject({ coordinator: 'zookeeper', zookeeperBasePath: '/ballot/election' });
    const { config, sources } = await load({}, { BALLOT_ELECTION: 'report' });
    expect(config.zookeeperBasePath).toBe('/ballot/report');
    expect(sources.zookeeperBasePath).toBe('election: environment BALLOT_ELECTION');
  });

  it('leaves a base path that is set as it is', async () => {
    const { config } = await load({ election: 'report', 'zookeeper-base-path': '/my/worker' });
    expect(config).toMatchObject({ election: 'report', zookeeperBasePath: '/my/worker' });
  });

  it.each([
    ['zookeeper-servers', 'zk1'],
    ['zookeeper-base-path', '/my/worker'],
    ['zookeeper-session-timeout', '4s'],
    ['zookeeper-client', 'wire'],
    ['zookeeper-tls', 'true'],
    ['zookeeper-tls-ca', '/ca.pem'],
    ['zookeeper-tls-cert', '/client.pem'],
    ['zookeeper-tls-key', '/client.key'],
    ['zookeeper-tls-server-name', 'zk'],
    ['mixed-fleet', 'true'],
    ['on-election-failure', 'exit'],
    ['on-lease-loss', 'stop'],
    ['lease-duration', '600ms'],
  ])('local refuses the flag --%s, and passes over the variable with a warning', async (key, value) => {
    await expect(load({ coordinator: 'local', [key]: value })).rejects.toThrow(
      `flag --${key}: means nothing with coordinator local (flag --coordinator): leave it out`,
    );
    const variable = `BALLOT_${key.toUpperCase().replaceAll('-', '_')}`;
    const { config, warnings } = await load({ coordinator: 'local' }, { [variable]: value });
    expect(warnings).toEqual([
      `environment ${variable}: ${key} has no effect with coordinator local (flag --coordinator)`,
    ]);
    expect(config).toEqual((await load({ coordinator: 'local' })).config);
  });

  it('says nothing of a variable that says what is so anyway', async () => {
    const env = { BALLOT_ZOOKEEPER_SERVERS: 'localhost', BALLOT_LEASE_DURATION: '5s', BALLOT_ON_LEASE_LOSS: 'keep' };
    const { warnings } = await load({ coordinator: 'local' }, env);
    expect(warnings).toEqual([expect.stringContaining('lease-duration has no effect')]);
  });

  it('refuses state-dir beside ZooKeeper', async () => {
    await expect(load({ 'state-dir': '/state' })).rejects.toThrow('flag --state-dir: means nothing with coordinator');
    expect((await load({}, { BALLOT_STATE_DIR: '/state' })).warnings).toHaveLength(1);
  });

  it.each(['', '.', '..', '../x', 'a/b', '-x', '.x', 'a b', 'ä', 'runs', 'x'.repeat(129)])(
    'has no election named %j',
    async (election) => {
      await expect(load({ election })).rejects.toThrow(/election/);
    },
  );

  it.each(['a', 'nightly-backup', 'Report_2.daily', 'x'.repeat(128)])(
    'may have an election named %s',
    async (election) => {
      expect((await load({ election })).config.election).toBe(election);
    },
  );

  it('has no relative state folder', async () => {
    await expect(load({ coordinator: 'local', 'state-dir': 'state' })).rejects.toThrow(/an absolute path/);
  });
});

describe('the state folder', () => {
  it.each([
    [{}, 0, '/var/lib/ballot'],
    [{ XDG_STATE_HOME: '/x' }, 0, '/var/lib/ballot'],
    [{ XDG_STATE_HOME: '/x', HOME: '/home/me' }, 1000, '/x/ballot'],
    [{ XDG_STATE_HOME: 'x', HOME: '/home/me' }, 1000, '/home/me/.local/state/ballot'],
    [{}, 1000, undefined],
  ])('with %j is, for user %d, %s', (env, user, path) => {
    expect(defaultStateDir(env, user)).toBe(path);
  });
});
