import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/zookeeper/port.ts';
import { Arena, electionAt } from '../support/candidate.ts';
import { serversOf, sessionsAt } from '../support/sessions.ts';
import { startZooKeeper, type Ensemble } from '../support/zookeeper.ts';

let zookeeper: Ensemble;
let observer: Session;

beforeAll(async () => {
  zookeeper = await startZooKeeper();
  observer = await sessionsAt(serversOf(zookeeper)).opener.open({ timeout: 5000 });
});
afterAll(async () => {
  await observer?.close(3000);
  await zookeeper?.close();
});

const arena = (): Arena => new Arena(zookeeper.connectString);
/** Nobody leads and nobody stands, at this very moment. */
const abandoned = { lease: { kind: 'vacant' }, proposals: [] };

describe.each([
  { after: 'on-child-success', script: 'exit 0', code: 0 },
  { after: 'on-child-error', script: 'exit 42', code: 42 },
] as const)('$after', ({ after, script, code }) => {
  it('exit: ends with the command’s exit code, the lease empty and the queue too', async () => {
    await using stage = arena();
    const candidate = stage.start({ flags: { [after]: 'exit' }, script });
    expect(await candidate.end()).toBe(code);
    expect(await electionAt(observer, stage.basePath)).toEqual(abandoned);
    expect(stage.journal.entries().map(({ event }) => event)).toEqual(['start', 'end']);
    expect(candidate.stderr).toBe('');
  });

  it('ignore: ends with 0, the lease empty and the queue too', async () => {
    await using stage = arena();
    const candidate = stage.start({ flags: { [after]: 'ignore' }, script });
    expect(await candidate.end()).toBe(0);
    expect(await electionAt(observer, stage.basePath)).toEqual(abandoned);
    expect(stage.journal.starts()).toHaveLength(1);
  });

  it('rerun: runs again in the same term, while another candidate stands by', async () => {
    await using stage = arena();
    const first = await stage.stand({ id: 'first', flags: { [after]: 'rerun' }, script: `stay 0.1; ${script}` });
    await stage.stand({ id: 'second' });
    const before = stage.journal.starts().length;
    await stage.journal.started(before + 3);
    const starts = stage.journal.starts();
    expect(new Set(starts.map(({ candidate }) => candidate))).toEqual(new Set(['first']));
    expect(new Set(starts.map(({ token }) => token)).size).toBe(1);
    expect(Number(starts[0]?.token)).toBeGreaterThan(0);
    expect(first.said('elected leader')).toHaveLength(1);
  });

  it('reelect: resigns, the next in line is elected at once, and this one stands at the end of the queue', async () => {
    await using stage = arena();
    const flags = { [after]: 'reelect' };
    // Leads until the others are in the queue.
    const wait = `until [ -e "$journal.go" ]; do stay 0.02; done; stay 0.1; ${script}`;
    const first = await stage.stand({ id: 'first', flags, script: wait });
    for (const id of ['second', 'third']) await stage.stand({ id, flags, script: wait });
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${stage.journal.path}.go`, '');
    await stage.journal.started(7, { timeout: 20_000 });
    const starts = stage.journal.starts();
    expect(starts.slice(0, 7).map(({ candidate }) => candidate)).toEqual([
      ...['first', 'second', 'third'],
      ...['first', 'second', 'third'],
      'first',
    ]);
    const tokens = starts.map(({ token }) => Number(token));
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
    expect(first.said('resigned').length).toBeGreaterThanOrEqual(2);
  });
});
