/** Which faults befall a history, by what it is about. */
import type { Troubles } from './faults.ts';
import type { Setting, Theme } from './setting.ts';

export type Fault = (troubles: Troubles) => void;

/** How often each fault is drawn, relative to the others. */
const ORDINARY: readonly (readonly [weight: number, fault: Fault])[] = [
  [6, (t) => t.cut()],
  [6, (t) => t.cutLeader()],
  [4, (t) => t.breakAtWrite()],
  [3, (t) => t.reset()],
  [3, (t) => t.crashServer()],
  [3, (t) => t.stallServer()],
  [2, (t) => t.isolateServer()],
  [2, (t) => t.freezeLeader()],
  [2, (t) => t.outage(false)],
  [2, (t) => t.expire()],
  [2, (t) => t.pauseKeeper()],
  [2, (t) => t.killKeeper()],
  [3, (t) => t.crashHost()],
  [2, (t) => t.stopHost()],
  [1, (t) => t.stepWall()],
  [2, (t) => t.meddle()],
  [3, (t) => t.stepDown()],
];

const PAUSES: typeof ORDINARY = [
  [6, (t) => t.pause(false)],
  [4, (t) => t.pause(true)],
  [4, (t) => t.killSupervisor()],
];

/** In `run cron` besides. */
const SCHEDULED: typeof ORDINARY = [
  [8, (t) => t.strikeAtLedger()],
  [2, (t) => t.stepWall()],
  [0.3, (t) => t.spoilLedger()],
];

const FAULTS: Readonly<Record<Theme, typeof ORDINARY>> = {
  rates: [...ORDINARY, [0.3, (t) => t.outage(true)]],
  drift: ORDINARY,
  pauses: [...ORDINARY, ...PAUSES],
  freezes: [...ORDINARY, ...PAUSES],
  keep: [...ORDINARY, ...PAUSES, [0.3, (t) => t.outage(true)]],
  outages: [[1, (t) => t.outage(false)]],
};

/** Themes in which supervisors stand still, or die alone. */
export const STANDSTILLS: readonly Theme[] = ['pauses', 'freezes', 'keep'];

export function faultsOf({ theme, cron }: Setting): typeof ORDINARY {
  return cron === undefined || theme === 'outages' ? FAULTS[theme] : [...FAULTS[theme], ...SCHEDULED];
}
