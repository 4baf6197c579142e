import { describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../../src/zookeeper/session/port.ts';
import type { ZNodeEvent } from '../../../../src/keeper/protocol.ts';
import { Watches, type WatchKind } from '../../../../src/zookeeper/session/watch-table.ts';

const SILENT = 'silent' as const;

async function fired(watch: { fired: Promise<WatchEvent> }): Promise<WatchEvent | typeof SILENT> {
  return Promise.race([watch.fired, new Promise<typeof SILENT>((resolve) => setImmediate(resolve, SILENT))]);
}

describe('a watch', () => {
  const table: [WatchKind, ZNodeEvent, WatchEvent | typeof SILENT][] = [
    ['data', 'created', 'created'],
    ['data', 'changed', 'changed'],
    ['data', 'child', SILENT],
    ['data', 'deleted', 'deleted'],
    ['children', 'created', SILENT],
    ['children', 'changed', SILENT],
    ['children', 'child', 'child'],
    ['children', 'deleted', 'deleted'],
  ];
  it.each(table)('on %s is told %s: %s', async (kind, event, expected) => {
    const watches = new Watches();
    const watch = watches.add(kind, '/a');
    watches.fire(event, '/b');
    expect(await fired(watch)).toBe(SILENT);
    watches.fire(event, '/a');
    expect(await fired(watch)).toBe(expected);
  });

  it('fires once: the first event counts', async () => {
    const watches = new Watches();
    const watch = watches.add('data', '/a');
    watches.fire('changed', '/a');
    watches.fire('deleted', '/a');
    watches.interrupt();
    expect(await fired(watch)).toBe('changed');
  });

  it('is interrupted with all others, and an event that comes late is nobody’s', async () => {
    const watches = new Watches();
    const old = [watches.add('data', '/a'), watches.add('children', '/a')];
    watches.interrupt();
    const next = watches.add('data', '/a');
    expect(await Promise.all(old.map(fired))).toEqual(['interrupted', 'interrupted']);
    expect(await fired(next)).toBe(SILENT);
    watches.fire('changed', '/a');
    expect(await fired(next)).toBe('changed');
  });

  it('that is cancelled stays silent and leaves the others of its path alone, now and later', async () => {
    const watches = new Watches();
    const [cancelled, kept] = [watches.add('data', '/a'), watches.add('data', '/a')];
    cancelled.cancel();
    watches.fire('changed', '/a');
    expect([await fired(cancelled), await fired(kept)]).toEqual([SILENT, 'changed']);
    const next = watches.add('data', '/a');
    kept.cancel();
    cancelled.cancel();
    watches.fire('changed', '/a');
    expect(await fired(next)).toBe('changed');
  });
});
