import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { infoText } from '../../src/cli/commands/info.ts';
import type { ReportContext } from '../../src/cli/command-context.ts';
import type { GlobalConfig } from '../../src/config/config.ts';
import { encodeLease, encodeProposal, formatGoTime, type LeaseRecord } from '../../src/zookeeper/election/record.ts';
import { describe as messagesOf, RefusedError, UnavailableError } from '../../src/errors.ts';
import { forkKeeper } from '../../src/keeper/process.ts';
import { useElections } from '../support/hooks.ts';
import { pass, poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { Proxy } from '../support/proxy.ts';
import { restrictedZNode } from '../support/restrict.ts';
import { clientChoice, keeperPath, keepers, recorder, serversOf, within } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';
import { expectWithin } from '../support/yardstick.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

/** Less than the half of five seconds, after which it would count as late. */
const RECENT = /^last heartbeat (\d+ms|[12][\d.]*s) ago$/;

const zookeeper = useZooKeeper({ alone: true });
const elect = useElections(zookeeper);

interface Candidate {
  candidateId: string;
  hostname?: string;
  pid?: string;
  proposalNode: string;
  notes: string[];
  lastSeenTime?: string;
}
interface Report {
  leader: Partial<Candidate>;
  candidates: Candidate[];
  lease?: Record<string, unknown>;
}

function contextOf(
  basePath: string,
  changes: Partial<ReportContext & Pick<GlobalConfig, 'zookeeperServers'>> = {},
): ReportContext {
  const { zookeeperServers = serversOf(zookeeper), ...others } = changes;
  const config: GlobalConfig = {
    configFile: undefined,
    coordinator: 'zookeeper',
    election: 'election',
    stateDir: undefined,
    stateGroup: undefined,
    zookeeperServers,
    zookeeperBasePath: basePath,
    zookeeperSessionTimeout: 5000,
    zookeeperClient: clientChoice,
    zookeeperTls: false,
    zookeeperTlsCa: undefined,
    zookeeperTlsCert: undefined,
    zookeeperTlsKey: undefined,
    zookeeperTlsServerName: undefined,
    zookeeperAuth: undefined,
    zookeeperAcl: 'open',
    logLevel: 'info',
    logFormat: 'human',
    mixedFleet: false,
    debug: false,
  };
  return {
    config,
    warnings: [],
    files: [],
    keeper: forkKeeper(keeperPath),
    keeperPath,
    env: {},
    output: 'json',
    timeout: 5000,
    ...others,
  };
}

const look = async (basePath: string): Promise<Report> =>
  JSON.parse(await infoText(contextOf(basePath), recorder().logger)) as Report;

let bases = 0;
/** A base path that no other test uses, not yet made. */
const fresh = (): string => `/info-${++bases}`;

/** Makes the base znode with this data. */
async function electionWith(data: Buffer | string = ''): Promise<string> {
  const base = fresh();
  await zookeeper.observer.create(base, Buffer.from(data), 'persistent', within);
  return base;
}

const stand = (base: string, data: Buffer | string): Promise<string> =>
  zookeeper.observer.create(`${base}/proposal-`, Buffer.from(data), 'ephemeral-sequential', within);

const lead = (base: string, data: Buffer | string): Promise<unknown> =>
  zookeeper.observer.set(base, Buffer.from(data), -1, within);

/** Go's own bytes, moved to another base path and to the present. */
function goRecord(name: string, base: string): string {
  const now = formatGoTime(Date.now()).replace(/ UTC$/, ' UTC m=+1.952092386');
  return readFileSync(join(import.meta.dirname, '../fixtures/go', name), 'utf8')
    .replace('/wire/a/', `${base}/`)
    .replaceAll(/\d{4}-\d\d-\d\d [^"]* UTC m=[+.\d]+/g, now);
}

function ourLease(base: string, changes: Partial<LeaseRecord> = {}): LeaseRecord {
  const now = formatGoTime(Date.now());
  const who = { candidateId: 'a', hostname: 'host-a', pid: '11' };
  const times = { proposalTime: now, lastSeenTime: now, sessionTimeout: '4s', leaseDuration: '4s' };
  return { ...who, ...times, proposalNode: `${base}/proposal-0000000000`, fencingToken: 5, ...changes };
}

describe('an election of nobody', () => {
  it('is reported as such, and its base path is not made by looking', async () => {
    const base = fresh();
    const missing = `there is no znode ${base}: no election was ever held there, or somebody has deleted it`;
    expect(await look(base)).toEqual({ leader: {}, candidates: [] });
    expect(await infoText(contextOf(base, { output: 'table' }), recorder().logger)).toContain(missing);
    expect(await zookeeper.observer.exists(base, within)).toBeUndefined();
  });

  it('is reported as such when its lease is vacant', async () => {
    const base = await electionWith();
    const notes = [`no election was ever held at ${base}`, `${base} exists, and there is nothing below it`];
    expect(await look(base)).toEqual({ leader: {}, candidates: [] });
    const table = await infoText(contextOf(base, { output: 'table' }), recorder().logger);
    for (const note of notes) expect(table).toContain(note);
    await zookeeper.observer.set(base, Buffer.alloc(0), -1, within);
    const paused = 'a candidate that pauses after a failed run is not shown, and stands again by itself';
    const said = recorder();
    expect(await infoText(contextOf(base, { output: 'yaml' }), said.logger)).toBe('{}\n');
    expect(JSON.stringify(said)).toContain(paused);
  });
});

describe('an election', () => {
  it("held by Go's ballot is understood", async () => {
    const base = await electionWith();
    const path = await stand(base, goRecord('proposal.json', base));
    await lead(base, goRecord('lease.json', base));
    const report = await look(base);
    expect(report.leader).toMatchObject({ candidateId: 'c', hostname: 'vm', pid: '1743', proposalNode: path });
    expect(report.leader.notes).toEqual(['is leader', expect.stringMatching(RECENT)]);
    expect(report.candidates).toMatchObject([
      {
        candidateId: 'c',
        proposalNode: path,
        notes: [
          'this proposal node claimed leadership',
          'this candidate id claimed leadership',
          expect.stringMatching(/^proposal node created [\d.]+m?s ago$/) as string,
        ],
      },
    ]);
    expect(report.lease).toMatchObject({ state: 'held', holder: 'c', duration: '5s' });
  });

  it('held by a real candidate of ours is understood, and not disturbed', async () => {
    const base = fresh();
    const candidate = { candidateId: 'ours', hostname: hostname(), pid: String(process.pid) };
    const { term } = await elect(base, candidate.candidateId);
    const report = await poll(async () => {
      const seen = await look(base);
      return seen.lease?.['fencingToken'] === undefined ? undefined : seen;
    });
    expect(report.leader).toMatchObject(candidate);
    expect(report.leader.notes).not.toContain('last heartbeat is older than the expected publish interval');
    expect(report.candidates).toHaveLength(1);
    expect(report.candidates[0]?.notes.join()).not.toMatch(/drift|ghost|gone/);
    expect(report.lease).toMatchObject({
      state: 'held',
      holder: 'ours',
      duration: '4s',
      fencingToken: term.fencingToken,
    });
    await term.resign();
  });

  it('with a vacant lease says who is first in line', async () => {
    const base = await electionWith();
    await stand(base, goRecord('proposal.json', base));
    const report = await look(base);
    expect(report).toMatchObject({ leader: {}, lease: { state: 'vacant' } });
    expect(report.candidates[0]?.notes[0]).toBe('first in line, the lease is vacant');
  });

  it('whose leader stands no more says who waits for its lease', async () => {
    const base = await electionWith();
    await lead(base, encodeLease(ourLease(base, { proposalNode: `${base}/proposal-0000000099` })));
    await stand(base, goRecord('proposal.json', base));
    const report = await look(base);
    expect(report.leader.notes).toEqual(
      expect.arrayContaining(['possibly resigning', 'election may be in progress', 'proposal node is gone']),
    );
    expect(report.candidates[0]?.notes.slice(0, 3)).toEqual([
      'should be leader but another candidate is claiming the role',
      'possibly waiting for previous leader resignation',
      expect.stringMatching(/^waiting for a lease that runs out in \d/),
    ]);
  });

  it('has no candidates but its proposals: foreign children and the ledger are passed over', async () => {
    const base = await electionWith();
    for (const name of ['config', 'runs', 'proposal-', 'proposal-1', 'zzz']) {
      await zookeeper.observer.create(`${base}/${name}`, Buffer.from('rubbish'), 'persistent', within);
    }
    const path = await stand(base, goRecord('proposal.json', base));
    expect((await look(base)).candidates.map(({ proposalNode }) => proposalNode)).toEqual([path]);
  });

  it('lists its candidates in the order of the queue, and ghosts as such', async () => {
    const base = await electionWith();
    await zookeeper.observer.create(
      `${base}/proposal-0000000000`,
      Buffer.from('{"candidateId":"stuck"}'),
      'persistent',
      within,
    );
    const paths = [
      await stand(base, goRecord('proposal.json', base)),
      await stand(base, goRecord('proposal-again.json', base)),
    ];
    const { candidates } = await look(base);
    expect(candidates.map(({ candidateId }) => candidateId)).toEqual(['stuck', 'c', 'd']);
    expect(candidates[0]?.notes.join()).toContain('belongs to no session');
    expect(candidates[2]?.notes.join()).toContain(`same session as ${paths[0]?.split('/').at(-1)}`);
    // Whatever an earlier proposal of the same process was called.
    expect(candidates[2]?.proposalNode).toBe(paths[1]);
  });
});

describe('rubbish', () => {
  const RUBBISH = [
    'not JSON',
    'undefined',
    '[1,2]',
    '17',
    '{"pid":5}',
    '{"candidateId":"a"}',
    Buffer.alloc(1_000_000, 0x1b),
  ];

  it.each(RUBBISH)('in the lease is told as what it is (%#)', async (data) => {
    const report = await look(await electionWith(data));
    expect(report.leader).toEqual({});
    expect(report.lease).toMatchObject({ state: 'unreadable', why: expect.any(String) as string });
  });

  it('in a proposal is told as what it is, and harms no other', async () => {
    const base = await electionWith();
    for (const data of [...RUBBISH, '']) if (data !== '{"candidateId":"a"}') await stand(base, data);
    const good = await stand(base, goRecord('proposal.json', base));
    const { candidates } = await look(base);
    expect(candidates).toHaveLength(RUBBISH.length + 1);
    const last = candidates.pop();
    expect(last).toMatchObject({ candidateId: 'c', proposalNode: good });
    for (const { candidateId, notes } of candidates) {
      expect(candidateId).toMatch(/^proposal-\d{10}$/);
      expect(notes).toContain('unparseable');
    }
  });
});

describe('the heartbeat', () => {
  it('of a leader whose clock is wrong is watched, and told to be in time', async () => {
    const base = await electionWith();
    const wrong = formatGoTime(Date.now() - 30_000);
    const beat = encodeLease(
      ourLease(base, { sessionTimeout: '2s', leaseDuration: '2s', lastSeenTime: wrong, proposalTime: wrong }),
    );
    await stand(base, encodeProposal(ourLease(base, { proposalTime: wrong })));
    await lead(base, beat);
    const beating = setInterval(() => void lead(base, beat).catch(() => undefined), 300);
    try {
      const { leader } = await look(base);
      expect(leader.notes).toEqual([
        'is leader',
        expect.stringMatching(RECENT),
        expect.stringMatching(/^time drift of 3[\d.]*s between heartbeat and zookeeper write$/),
      ]);
    } finally {
      clearInterval(beating);
    }
  });

  it('of a leader that hangs is watched for in vain', async () => {
    const base = await electionWith();
    const record = ourLease(base, { sessionTimeout: '1s', leaseDuration: '1s' });
    await stand(base, encodeProposal(record));
    await lead(base, encodeLease(record));
    await pass(1200);
    const { leader, lease } = await look(base);
    expect(leader.notes).toEqual([
      'is leader',
      expect.stringMatching(/^last heartbeat (1\.[89]|[2-9])[\d.]*s ago$/),
      'last heartbeat is older than the expected publish interval',
      expect.stringMatching(/^no heartbeat in the (\d{3}ms|[\d.]+s) before this report$/),
    ]);
    expect(lease).toMatchObject({ expired: expect.stringMatching(/ ago$/) as string });
  });
});

describe('no answer', () => {
  const failure = async (context: ReportContext): Promise<{ error: unknown; took: number }> => {
    const start = performance.now();
    const error = await infoText(context, recorder().logger).then(
      (text) => expect.unreachable(text),
      (reason: unknown) => reason,
    );
    return { error, took: performance.now() - start };
  };

  it('from addresses where nobody listens is an error that names each, in time', async () => {
    const ports = await freePorts(2);
    const zookeeperServers = ports.map((port) => ({ host: '127.0.0.1', port }));
    const { error, took } = await failure(contextOf('/x', { zookeeperServers, timeout: 1000 }));
    expect(error).toBeInstanceOf(UnavailableError);
    for (const port of ports)
      expect(messagesOf(error)).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}: connection refused`));
    expectWithin(took, 1200);
  });

  it('from an ensemble that accepts connections and is silent is one as well', async () => {
    const frozen = await startZooKeeper();
    frozen.server.pause();
    try {
      const { error, took } = await failure(contextOf('/x', { zookeeperServers: serversOf(frozen), timeout: 2000 }));
      expect(error).toBeInstanceOf(UnavailableError);
      expect(messagesOf(error)).toContain(frozen.server.address);
      expectWithin(took, 2300);
    } finally {
      await frozen.close();
    }
  });

  it('after the session was granted is one as well', async () => {
    await using proxy = await Proxy.start(zookeeper.server.port);
    const zookeeperServers = [{ host: '127.0.0.1', port: proxy.port }];
    const base = await electionWith();
    const record = ourLease(base, { sessionTimeout: '20s', leaseDuration: '20s', lastSeenTime: formatGoTime(0) });
    await stand(base, encodeProposal(record));
    await lead(base, encodeLease(record));
    const asked = failure(contextOf(base, { zookeeperServers, timeout: 2500 }));
    // The clocks differ: the lease is being watched by now, and the reading after that never ends.
    await pass(1000);
    proxy.blackHole();
    const { error, took } = await asked;
    expect(error).toBeInstanceOf(UnavailableError);
    expect(messagesOf(error)).toContain(`127.0.0.1:${proxy.port}`);
    expect(messagesOf(error)).toContain('2.5s');
    expectWithin(took, 2800);
  });

  it('because an ACL forbids it is a refusal', async () => {
    const base = fresh();
    await restrictedZNode(zookeeper.connectString, base);
    const { error } = await failure(contextOf(base));
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).exitCode).toBe(77);
    expect(messagesOf(error)).toContain(base);
  });
});

describe('afterwards', () => {
  it('no keeper is left but that of the tests', async () => {
    await look(fresh());
    await poll(() => keepers().length === 1, { timeout: 3000, what: 'the keepers of info to be gone' });
  });
});
