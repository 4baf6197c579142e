/** Scenes for the tests of what `ballot watch` shows. */
import { pictureOf } from '../../src/cli/report/picture.ts';
import type { Scene } from '../../src/cli/watch/scene.ts';
import { encodeLedger, type Ledger } from '../../src/ledger/record.ts';
import { electionReport } from '../../src/zookeeper/report/report.ts';
import type { Snapshot } from '../../src/zookeeper/report/snapshot.ts';
import { BASE, NOW, snapshot } from './snapshots.ts';

/** Of the monotonic clock, when the wall clock says `NOW`. */
export const START = 1_000_000;

/** A scene of this election, connected since 10 s. */
export async function sceneOf(
  fields: Partial<Snapshot>,
  { ledger, ...changes }: Partial<Scene> & { readonly ledger?: Ledger } = {},
): Promise<Scene> {
  const data = ledger === undefined ? Buffer.alloc(0) : encodeLedger(ledger);
  return {
    coordinator: 'zookeeper',
    name: BASE,
    servers: ['zk1:2181'],
    connection: { state: 'connected', since: START - 10_000, server: 'zk1:2181' },
    picture: await pictureOf(electionReport(snapshot(fields)), data, { now: NOW, seed: BASE }),
    picturedAt: START,
    notes: [],
    ...changes,
  };
}
