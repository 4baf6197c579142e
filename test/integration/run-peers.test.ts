/** Candidates of one election that ought to be alike and are not: what their logs and `ballot info` say. */
import { describe, expect, it } from 'vitest';
import { within } from '../support/sessions.ts';
import { useZooKeeper, type Stage } from '../support/stage.ts';

const zookeeper = useZooKeeper();

/** The data of every proposal, in the order of the queue. */
async function written(stage: Stage): Promise<string[]> {
  const { proposals } = (await stage.election()) ?? { proposals: [] };
  const nodes = await Promise.all(proposals.map((name) => stage.observer.get(`${stage.basePath}/${name}`, within)));
  return nodes.map(({ data }) => String(data));
}

describe.concurrent('candidates that differ', () => {
  it('in on-lease-loss or lease duration are warned of, whoever stands before them, and noted by info', async () => {
    await using stage = zookeeper.stage();
    await stage.stand({ id: 'a' });
    const next = await stage.stand({ id: 'b', flags: { 'on-lease-loss': 'stop' } });
    const last = await stage.stand({ id: 'c', flags: { 'on-lease-loss': 'stop', 'lease-duration': '9s' } });
    expect(await next.says('has another on-lease-loss')).toMatchObject({
      level: 'warn',
      candidate: 'a',
      here: 'stop',
      there: 'keep',
    });
    expect(await last.says('has another lease duration')).toMatchObject({ here: '9s', there: '4s' });
    expect(last.said('has another on-lease-loss')).toHaveLength(1);
    const { candidates } = await stage.info();
    expect(candidates[2]?.notes.slice(-2)).toEqual([
      expect.stringMatching(/^on-lease-loss differs from that of a on .*: keep$/),
      expect.stringMatching(/^lease-duration differs from that of a on .*: 4s$/),
    ]);
  });

  it('in nothing but their id are not', async () => {
    await using stage = zookeeper.stage();
    await stage.stand({ id: 'a' });
    const next = await stage.stand({ id: 'b' });
    const last = await stage.stand({ id: 'c' });
    for (const candidate of [next, last]) expect(candidate.said('of this election')).toEqual([]);
    expect(await written(stage)).toHaveLength(3);
    expect((await written(stage)).join()).not.toContain('commandDigest');
  });

  it('in the command, on the default base path, are warned of; neither command is written down', async () => {
    await using stage = zookeeper.stage('/ballot/election');
    await stage.stand({ id: 'a', script: 'sleep 1000 # backup' });
    const other = await stage.stand({ id: 'b', script: 'sleep 1000 # report' });
    expect(await other.says('runs another command')).toMatchObject({ level: 'warn', candidate: 'a' });
    const { candidates } = await stage.info();
    expect(candidates[1]?.notes.at(-1)).toMatch(/^command differs from that of a on .*: two jobs stand/);
    const records = await written(stage);
    expect(records).toHaveLength(2);
    for (const record of records) {
      expect(record).toMatch(/"commandDigest":"[0-9a-f]{8}"/);
      expect(record).not.toMatch(/sleep|backup|report/);
    }
  });

  it('in their process and not in their id are warned of', async () => {
    await using stage = zookeeper.stage();
    const first = await stage.stand({ id: 'a' });
    const second = await stage.stand({ id: 'a' });
    expect(await second.says('has the same candidate id')).toMatchObject({
      pid: String(first.pid),
    });
    const { candidates } = await stage.info();
    for (const { notes } of candidates)
      expect(notes.at(-1)).toMatch(/^candidate id is also that of proposal-\d{10} on /);
  });
});
