import { describe, expect, it } from 'vitest';
import { commandEnvironment, refuseOwnElection } from '../../../src/cli/environment.ts';
import { parseServers } from '../../../src/config/servers.ts';
import { tracesOfTerm } from '../../../src/local/environment.ts';

const candidacy = (servers: string, zookeeperBasePath = '/jobs/report') => {
  const parsed = parseServers(servers);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return {
    candidateId: 'a',
    coordinator: 'zookeeper' as const,
    election: 'election',
    stateDir: '/state',
    stateGroup: undefined,
    zookeeperServers: parsed.servers,
    zookeeperBasePath,
    zookeeperTls: false,
    zookeeperTlsCa: undefined,
    zookeeperTlsCert: undefined,
    zookeeperTlsKey: undefined,
    zookeeperTlsServerName: undefined,
  };
};
const TICK = Date.UTC(2026, 10, 21, 2);

describe('the environment of a command', () => {
  const config = candidacy('zk1,zk2:2182');
  const own = { PATH: '/bin', LANG: 'C' };

  it('is ballot’s own, with what is to be known of election and run', () => {
    expect(commandEnvironment(config, own, { runId: '7.1', fencingToken: 7, tick: TICK })).toEqual({
      ...own,
      BALLOT_CANDIDATE_ID: 'a',
      BALLOT_ZOOKEEPER_SERVERS: 'zk1:2181,zk2:2182',
      BALLOT_ZOOKEEPER_BASE_PATH: '/jobs/report',
      BALLOT_RUN_ID: '7.1',
      BALLOT_FENCING_TOKEN: '7',
      BALLOT_TICK: '2026-11-21T02:00:00Z',
    });
  });

  it('says how the servers are spoken to by TLS, and nothing of it that an outer ballot has said', () => {
    const run = { runId: '7.1', fencingToken: undefined, tick: undefined };
    const outer = { BALLOT_ZOOKEEPER_TLS: 'true', BALLOT_ZOOKEEPER_TLS_CERT: '/outer.pem' };
    expect(commandEnvironment(config, { ...own, ...outer }, run)).toEqual(commandEnvironment(config, own, run));
    const secured = { ...config, zookeeperTls: true, zookeeperTlsCa: '/ca.pem', zookeeperTlsServerName: 'zk' };
    expect(commandEnvironment(secured, { ...own, ...outer }, run)).toEqual({
      ...commandEnvironment(config, own, run),
      BALLOT_ZOOKEEPER_TLS: 'true',
      BALLOT_ZOOKEEPER_TLS_CA: '/ca.pem',
      BALLOT_ZOOKEEPER_TLS_SERVER_NAME: 'zk',
    });
  });

  it('has nothing that a service manager has said to ballot alone', () => {
    const served = { ...own, NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' };
    const run = { runId: '7.1', fencingToken: 7, tick: TICK };
    expect(commandEnvironment(config, served, run)).toEqual(commandEnvironment(config, own, run));
  });

  it('has nothing that an outer ballot has said of its own run', () => {
    const outer = commandEnvironment(candidacy('other', '/outer'), own, { runId: '3.9', fencingToken: 3, tick: TICK });
    const inner = commandEnvironment(config, outer, { runId: 'anyway-1.1', fencingToken: undefined, tick: undefined });
    expect(inner).toEqual({
      ...own,
      BALLOT_CANDIDATE_ID: 'a',
      BALLOT_ZOOKEEPER_SERVERS: 'zk1:2181,zk2:2182',
      BALLOT_ZOOKEEPER_BASE_PATH: '/jobs/report',
      BALLOT_RUN_ID: 'anyway-1.1',
    });
  });
});

describe('a ballot that is the command of an election', () => {
  const inside = (servers: string, path = '/jobs/report'): NodeJS.ProcessEnv =>
    commandEnvironment(candidacy(servers, path), {}, { runId: '7.1', fencingToken: 7, tick: undefined });

  it.each([
    ['zk1:2181', 'zk1:2181'],
    ['zk1,zk2,zk3', 'zk3'],
    ['localhost', '127.0.0.1'],
    ['127.0.0.1:2182', 'localhost:2182'],
    ['localhost', '127.1.2.3'],
    ['[::1]', 'localhost'],
    ['zk1,[::1]', '127.0.0.1,zk9'],
  ])('may not stand in the same one: of %s, on %s', (outer, inner) => {
    expect(() => refuseOwnElection(candidacy(inner), inside(outer))).toThrow(/would wait for itself/);
  });

  it.each([
    ['another base path', 'zk1', 'zk1', '/jobs/other'],
    ['another ensemble', 'zk1', 'zk2', '/jobs/report'],
    ['another port', 'localhost:2181', '127.0.0.1:2182', '/jobs/report'],
  ])('may stand in one with %s', (_what, outer, inner, path) => {
    expect(() => refuseOwnElection(candidacy(inner, path), inside(outer))).not.toThrow();
  });

  it('is none without a run’s id: those variables are configuration too', () => {
    const { BALLOT_RUN_ID: _id, ...env } = inside('zk1');
    expect(() => refuseOwnElection(candidacy('zk1'), env)).not.toThrow();
  });
});

describe('with coordinator local', () => {
  const local = (election: string) => ({ ...candidacy('zk1'), coordinator: 'local' as const, election });
  const run = { runId: '7.1', fencingToken: 7, tick: undefined };

  it('a command is told of its election, and nothing of ZooKeeper', () => {
    const outer = commandEnvironment(candidacy('zk1'), { PATH: '/bin' }, { runId: '3.9', fencingToken: 3 });
    const env = commandEnvironment(local('job'), outer, run);
    expect(env).toEqual({
      PATH: '/bin',
      BALLOT_CANDIDATE_ID: 'a',
      BALLOT_COORDINATOR: 'local',
      BALLOT_STATE_DIR: '/state',
      BALLOT_ELECTION: 'job',
      BALLOT_RUN_ID: '7.1',
      BALLOT_FENCING_TOKEN: '7',
    });
    const entries = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    expect(entries).toEqual(expect.arrayContaining(tracesOfTerm(local('job'), 7)));
    expect(commandEnvironment(candidacy('zk1'), env, run)).toMatchObject({ BALLOT_COORDINATOR: 'zookeeper' });
  });

  it('ballot may not stand in the election whose command it is, and may in others', () => {
    const env = commandEnvironment(local('job'), {}, run);
    expect(() => refuseOwnElection(local('job'), env)).toThrow(/would wait for itself/);
    expect(() => refuseOwnElection(local('other'), env)).not.toThrow();
    expect(() => refuseOwnElection(candidacy('zk1'), env)).not.toThrow();
    const { BALLOT_RUN_ID: _id, ...configured } = env;
    expect(() => refuseOwnElection(local('job'), configured)).not.toThrow();
  });
});
