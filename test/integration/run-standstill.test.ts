import { describe, expect, it } from 'vitest';
import { Proxy } from '../support/proxy.ts';
import { useZooKeeper } from '../support/stage.ts';

const SESSION = 3000;
const FLAGS = { 'zookeeper-session-timeout': `${SESSION}ms` };

const zookeeper = useZooKeeper({ observer: false, alone: true });

describe('a standby whose supervisor stands still', () => {
  it('gives up its place, so that those behind it are not held up; awake again, it stands at the end', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ id: 'leader', flags: FLAGS });
    await stage.journal.started();
    const next = await stage.stand({ id: 'next', flags: FLAGS });
    const third = await stage.stand({ id: 'third', flags: FLAGS });
    next.signal('SIGSTOP');
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    await stage.journal.started(1, { candidate: third.id });
    next.signal('SIGCONT');
    await next.says('the session ended while standing; standing again with a new one');
    third.signal('SIGTERM');
    await stage.journal.started(1, { candidate: next.id });
  });
});

describe('an ensemble that comes back without its data while the leader alone is cut off, under on-lease-loss=stop', () => {
  it('is not claimed by who stood in it before, until the lost lease would have run out', async () => {
    const stop = { ...FLAGS, 'on-lease-loss': 'stop' };
    await using proxy = await Proxy.start(zookeeper.server.port);
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ id: 'leader', servers: proxy.address, flags: stop });
    await stage.journal.started();
    const standby = await stage.stand({ id: 'standby', flags: stop });
    const third = await stage.stand({ id: 'third', flags: stop });
    proxy.blackHole();
    await zookeeper.server.restart({ wipe: true });
    const { candidate } = await stage.journal.started(2);
    expect([standby.id, third.id]).toContain(candidate);
    expect(stage.journal.overlaps()).toEqual([]);
    expect(stage.journal.ends(leader.id)).toHaveLength(1);
  });
});
