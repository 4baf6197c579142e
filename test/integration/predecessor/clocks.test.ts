/**
 * Defect 8: the server's wall clock is not that of the candidates. Go's ballot compares them: too late a take-over, or
 * none of the waiting that keeps two from leading.
 */
import { describe, expect, it } from 'vitest';
import { within } from '../../support/sessions.ts';
import { useZooKeeper } from '../../support/stage.ts';
import { useWallClocks } from '../../support/wall-clock.ts';
import { expectWithin } from '../../support/yardstick.ts';

const SESSION_MS = 2000;
const FLAGS = { 'zookeeper-session-timeout': '2s' };
const clocks = useWallClocks();

describe.each([
  ['30 s behind', -30],
  ['30 s ahead', 30],
] as const)('a server whose clock is %s (defect 8)', (_, offset) => {
  const zookeeper = useZooKeeper({ env: clocks.clock(offset * 1000).env });

  it('has that clock indeed', async () => {
    const path = await zookeeper.observer.create('/clock', Buffer.alloc(0), 'persistent', within);
    const stat = await zookeeper.observer.exists(path, within);
    expect(Math.abs((stat?.ctime ?? NaN) - Date.now() - offset * 1000)).toBeLessThan(5000);
  });

  it('does not delay the take-over from a host that is gone', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand({ flags: FLAGS });
    await stage.journal.started();
    const next = await stage.stand({ flags: FLAGS });
    await next.says('next in line');
    leader.kill();
    const at = Date.now();
    const start = await stage.journal.started(1, { candidate: next.id });
    // Its lease, and room for a busy machine; with the difference of the clocks on top it would be half a minute.
    expectWithin(start.time * 1000 - at, SESSION_MS + 6000);
  });

  it('does not let anybody lead before a fresh lease has run out', async () => {
    await using stage = zookeeper.stage();
    // Its holder has no proposal: nothing but the lease keeps others from leading.
    const lease = {
      ...{ candidateId: 'away', hostname: 'h', pid: '1', proposalTime: '2026-11-21 03:06:35.479168679 +0000 UTC' },
      ...{ proposalNode: `${stage.basePath}/proposal-0000000000`, sessionTimeout: '3s' },
      lastSeenTime: '2026-11-21 03:06:35.479168679 +0000 UTC m=+1.952092386',
    };
    const at = Date.now();
    await zookeeper.observer.create(stage.basePath, Buffer.from(JSON.stringify(lease)), 'persistent', within);
    stage.start({ flags: FLAGS });
    const start = await stage.journal.started();
    expect(start.time * 1000 - at).toBeGreaterThan(2998);
    expectWithin(start.time * 1000 - at, 3000 + 6000);
  });
});
