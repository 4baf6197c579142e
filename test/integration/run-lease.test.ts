import { describe, expect, it } from 'vitest';
import { pass, poll } from '../support/poll.ts';
import { serversOf, sessionsAt, within } from '../support/sessions.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';

const zookeeper = useZooKeeper();

const FLAGS = { 'zookeeper-session-timeout': '2s' };
const seconds = (): number => Date.now() / 1000;

const createBase = (stage: Stage, data = ''): Promise<string> =>
  zookeeper.observer.create(stage.basePath, Buffer.from(data), 'persistent', within);

describe('a lease that cannot be read', () => {
  it.concurrent.each([
    ['no JSON', 'not json', 'not json'],
    ['an empty object', '{}', '{}'],
    ['a list', '[]', '[]'],
    ['900 KB', 'x'.repeat(900_000), 'xxxxxxxxxxxxxxx'],
    ['control characters', '{"\u001b[2J', '{".[2J'],
  ])(
    '(%s) is waited for as long as a session lasts, said, shown by info, and then claimed',
    async (_, data, excerpt) => {
      await using stage = zookeeper.stage();
      const at = seconds();
      await createBase(stage, data);
      const { lease } = await stage.info();
      expect(lease?.state).toBe('unreadable');
      const candidate = stage.start({ flags: FLAGS });
      const warning = await candidate.says('the lease cannot be read');
      expect(warning.level).toBe('warn');
      expect(warning['excerpt']).toContain(excerpt);
      expect(String(warning['excerpt']).length).toBeLessThanOrEqual(80);
      expect(lease).toHaveProperty('excerpt', warning['excerpt']);
      const start = await stage.journal.started();
      // By the ensemble's stamps, in whole milliseconds.
      expect(start.time - at).toBeGreaterThan(1.998);
      expect((await stage.election())?.lease).toMatchObject({
        kind: 'held',
        record: { candidateId: candidate.id },
      });
      expect(candidate.said('the lease cannot be read')).toHaveLength(1);
    },
  );

  it('is not claimed while somebody keeps writing it', async () => {
    await using stage = zookeeper.stage();
    await createBase(stage, 'first');
    const candidate = stage.start({ flags: FLAGS });
    await candidate.says('the lease cannot be read');
    // Longer than a lease lasts.
    const beats = async (left: number): Promise<void> => {
      const from = performance.now();
      await zookeeper.observer.set(stage.basePath, Buffer.from(`beat ${left}`), -1, within);
      await pass(100);
      // A busy machine may have been late for one beat: then all of them are repeated, if nobody has claimed.
      const isLate = performance.now() - from > 1_000 && stage.journal.entries().length === 0;
      if (left > 0) await beats(isLate ? 40 : left - 1);
    };
    await beats(40);
    expect(stage.journal.entries()).toEqual([]);
    await zookeeper.observer.set(stage.basePath, Buffer.alloc(0), -1, within);
    await stage.journal.started();
  });

  it('that is written over the leader’s ends its term: the command is stopped, and there is a next term', async () => {
    await using stage = zookeeper.stage();
    const candidate = await stage.stand({ flags: FLAGS });
    const start = await stage.journal.started();
    await zookeeper.observer.set(stage.basePath, Buffer.from('somebody was here'), -1, within);
    await candidate.says('the lease is lost');
    const again = await stage.journal.started(2);
    expect(Number(again.token)).toBeGreaterThan(Number(start.token));
    expect(stage.journal.overlaps()).toEqual([]);
  });
});

describe('in the queue', () => {
  it('foreign children of the base path are nobody’s predecessors', async () => {
    await using stage = zookeeper.stage();
    await createBase(stage);
    for (const name of ['config', 'runs', 'proposal-1', 'proposal-00000000001'])
      await zookeeper.observer.create(`${stage.basePath}/${name}`, Buffer.from('{}'), 'persistent', within);
    const candidate = stage.start({ flags: FLAGS });
    await stage.journal.started();
    expect((await stage.info()).candidates.map(({ candidateId }) => candidateId)).toEqual([candidate.id]);
  });

  it('a proposal with rubbish in it is waited for as long as its session lives', async () => {
    await using stage = zookeeper.stage();
    await createBase(stage);
    const other = await sessionsAt(serversOf(zookeeper)).opener.open(within);
    try {
      const path = await other.create(
        `${stage.basePath}/proposal-`,
        Buffer.from('rub\u0000bish'),
        'ephemeral-sequential',
        within,
      );
      const candidate = stage.start({ flags: FLAGS });
      await candidate.says('standing by');
      const { candidates } = await poll(async () => {
        const report = await stage.info();
        return report.candidates.length === 2 && report;
      });
      expect(candidates[0]).toMatchObject({
        proposalNode: path,
        notes: expect.arrayContaining(['unparseable']) as string[],
      });
      // Longer than a lease that nobody renews is waited for.
      await pass(2500);
      expect(stage.journal.entries()).toEqual([]);
    } finally {
      await other.close(3000);
    }
    await stage.journal.started();
  });
});

describe('a base path', () => {
  it('with missing parents is made with all of them', async () => {
    const root = `/made-${Date.now()}`;
    await using stage = zookeeper.stage(`${root}/by/ballot/election`);
    await stage.stand();
    await stage.journal.started();
    for (const path of [root, `${root}/by`, `${root}/by/ballot`])
      expect(await zookeeper.observer.exists(path, within)).toMatchObject({
        ephemeralOwner: '0',
        dataLength: 0,
        numChildren: 1,
      });
  });

  it('of which a part exists, with data of its own, is completed and nothing is changed', async () => {
    const root = `/part-${Date.now()}`;
    await zookeeper.observer.create(root, Buffer.from('mine'), 'persistent', within);
    await using stage = zookeeper.stage(`${root}/election`);
    await stage.stand();
    await stage.journal.started();
    expect((await zookeeper.observer.get(root, within)).data.toString()).toBe('mine');
  });

  it('that several candidates make at the same moment is one election', async () => {
    await using stage = zookeeper.stage(`/same-${Date.now()}/moment/election`);
    const three = [1, 2, 3].map(() => stage.start());
    await stage.journal.started();
    await poll(async () => (await stage.election())?.proposals.length === 3, {
      what: 'three proposals',
    });
    // Ballot says it after the start of the command.
    const elected = (): unknown[] => three.flatMap((candidate) => candidate.said('elected leader'));
    await poll(() => elected().length > 0, { what: 'a leader' });
    expect(elected()).toHaveLength(1);
  });

  it('that was deleted while a candidate leads ends its term, and is made again', async () => {
    await using stage = zookeeper.stage();
    const candidate = await stage.stand({ flags: FLAGS });
    await stage.journal.started();
    // A deletion that meets a proposal made anew in between has to be tried again.
    await poll(async () => {
      for (const name of (await stage.election())?.proposals ?? [])
        await zookeeper.observer.delete(`${stage.basePath}/${name}`, -1, within);
      // A run that was just started may still be being written down.
      for (const name of ['runs', 'step-down'])
        if ((await zookeeper.observer.exists(`${stage.basePath}/${name}`, within)) !== undefined)
          await zookeeper.observer.delete(`${stage.basePath}/${name}`, -1, within);
      await zookeeper.observer.delete(stage.basePath, -1, within);
      return true;
    });
    await candidate.says('the lease is lost');
    await stage.journal.started(2);
    expect(stage.journal.overlaps()).toEqual([]);
  });

  it('below an ephemeral znode cannot be made: that is said, and with on-election-failure=exit ends ballot', async () => {
    const base = `/ephemeral-${Date.now()}`;
    await zookeeper.observer.create(base, Buffer.alloc(0), 'persistent', within);
    const node = await zookeeper.observer.create(`${base}/node-`, Buffer.alloc(0), 'ephemeral-sequential', within);
    await using stage = zookeeper.stage(`${node}/election`);
    const candidate = stage.start({ flags: { ...FLAGS, 'on-election-failure': 'exit' } });
    expect(await candidate.end()).not.toBe(0);
    expect(candidate.said('the election failed')[0]?.['why']).toContain(node);
    expect(stage.journal.entries()).toEqual([]);
  });

  it.each([
    ['not absolute', { 'zookeeper-base-path': 'ballot/election' }, 'zookeeper-base-path'],
    ['with a hole', { 'zookeeper-base-path': '/ballot//election' }, 'zookeeper-base-path'],
    ['in the server list', { 'zookeeper-servers': 'localhost:2181/chroot' }, 'zookeeper-servers'],
  ])('%s is refused at start with 78', async (_, flags, key) => {
    await using stage = zookeeper.stage();
    const candidate = stage.start({ flags });
    expect(await candidate.end()).toBe(78);
    expect(candidate.stderr).toContain(key);
    expect(stage.journal.entries()).toEqual([]);
  });
});
