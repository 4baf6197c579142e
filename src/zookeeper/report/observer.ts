/** ZooKeeper's side of the port of those who do not stand. */
import type { Deserted, ElectionView, Neighbourhood, Observer, Sight } from '../../election/observer.ts';
import { inspect, neighbourhood, readRegister, takeSnapshot, type Inspection } from './inspection.ts';
import { askWhoLeads } from './leadership.ts';
import type { View } from './follow.ts';
import { snapshotAt } from './mirror.ts';
import { electionReport } from './report.ts';
import { standingIn, type Snapshot } from './snapshot.ts';
import { askToStepDown, untilSucceeded } from './steering.ts';

/** One who looks by this inspection. */
export function observe(inspection: Inspection): Observer {
  const { basePath: name, signal } = inspection;
  return {
    name,
    signal,
    see: (register) => see(inspection, register),
    register: (register) => readRegister(inspection, register),
    participants: async () => standingIn(await takeSnapshot(inspection)),
    whoLeads: (question) => askWhoLeads(inspection, question),
    askToStepDown: (by) => askToStepDown(inspection, by),
    untilSucceeded: (leader) => untilSucceeded(inspection, leader),
  };
}

/** What `follow` tells, for whom it does not matter what the coordinator is. */
export function viewOf({ connection, sight }: View, basePath: string): ElectionView {
  if (sight === undefined) return { connection, sightAt: undefined };
  return {
    connection,
    sightAt: ({ now, wall }) => sightOf(snapshotAt(basePath, sight, now, wall), sight.register, undefined),
  };
}

async function see(inspection: Inspection, register: string): Promise<Sight> {
  const [snapshot, data] = await Promise.all([inspect(inspection), readRegister(inspection, register)]);
  const isNew = isDeserted(snapshot) && !wasHeld(snapshot);
  return sightOf(snapshot, data, isNew ? await neighbourhood(inspection) : undefined);
}

function sightOf(snapshot: Snapshot, register: Buffer, around: Neighbourhood | undefined): Sight {
  return { report: electionReport(snapshot), register, deserted: desertedOf(snapshot, around) };
}

function isDeserted({ base, proposals }: Snapshot): boolean {
  return proposals.length === 0 && (base === undefined || base.data.length === 0);
}

/** The first claim changes the version of the base znode. */
function wasHeld({ base }: Snapshot): boolean {
  return base !== undefined && base.stat.version > 0;
}

/** What a snapshot shows in which nobody leads and nobody stands; `undefined` of any other. */
export function desertedOf(snapshot: Snapshot, around: Neighbourhood | undefined): Deserted | undefined {
  if (!isDeserted(snapshot)) return undefined;
  const { basePath: path, base } = snapshot;
  return { carrier: 'znode', path, exists: base !== undefined, wasHeld: wasHeld(snapshot), around };
}
