import { expect, it } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { Mirror } from '../../../../src/zookeeper/report/mirror.ts';
import { NoNodeError } from '../../../../src/zookeeper/session/errors.ts';
import type { Session, Watch, WatchEvent, ZNode } from '../../../../src/zookeeper/session/port.ts';

/** A watch, and who lets it fire. */
function watch(): Watch & { fire(event: WatchEvent): void } {
  let fire: (event: WatchEvent) => void = () => undefined;
  const fired = new Promise<WatchEvent>((resolve) => (fire = resolve));
  return { fired, cancel: () => undefined, fire };
}

it('an election that is wiped while its children are read, and held again, is read anew', async () => {
  const asked: string[] = [];
  const onBase = watch();
  const onChildren = watch();
  let rounds = 0;
  const node = { data: Buffer.alloc(0), stat: { mzxid: 1, version: 0 } } as ZNode;
  const session = {
    timeout: 3000,
    async childrenWatched(path: string) {
      asked.push(`children ${path}`);
      if (++rounds !== 2) return { children: [], watch: rounds === 1 ? onChildren : watch() };
      // The word that the base is gone comes before the answer that says so.
      onBase.fire('deleted');
      await new Promise((resolve) => setImmediate(resolve));
      throw new NoNodeError(path);
    },
    getWatched(path: string) {
      asked.push(path);
      return Promise.resolve({ node, watch: rounds === 1 ? onBase : watch() });
    },
  } as unknown as Session;
  const signal = new AbortController().signal;
  const mirror = new Mirror({ session, clock: systemClock, basePath: '/e', register: 'runs', signal }, undefined);
  await mirror.refresh();
  onChildren.fire('child');
  await new Promise((resolve) => setImmediate(resolve));
  await mirror.refresh();
  await mirror.untilStale();
  await mirror.refresh();
  expect(asked).toEqual(['children /e', '/e', 'children /e', '/e', 'children /e']);
  mirror.release();
});
