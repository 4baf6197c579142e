import { margin } from '../../src/election/timing.ts';
import type { Plan } from '../../src/supervisor/state.ts';
import type { Random } from '../support/random.ts';
import type { CommandHabits } from './command.ts';
import { drawCron, drawJobs, type CronSetting } from './cron.ts';
import { QUIET, type Latency } from './network.ts';

/**
 * What a history is about, and so what must hold in it. `rates`: `on-lease-loss=stop`, and monotonic clocks up to 5 %
 * apart, which is what the margin of the lease is for. `drift`: the same with clocks up to 10 % apart: more than is
 * promised, so two commands may overlap, but for no longer than the difference. `pauses`: the same policy; supervisors
 * stand still for any time, or die, and whole machines freeze for less than the margin. `freezes`: machines freeze for
 * longer than any margin. `keep`: `on-lease-loss=keep` under every fault. `outages`: nothing fails but the ensemble, as
 * a whole.
 */
export type Theme = 'rates' | 'drift' | 'pauses' | 'freezes' | 'keep' | 'outages';

const ABOUT = ['rates', 'rates', 'rates', 'pauses', 'pauses', 'freezes', 'keep', 'keep', 'outages'] as const;

/** `run once` or `run cron`. */
export type Mode = 'once' | 'cron';

const THEMES: Readonly<Record<Mode, readonly Theme[]>> = { once: [...ABOUT, 'drift'], cron: ABOUT };

/** How fast or slow a monotonic clock may run: ±2.5 % each is 5 % from one another. */
const RATES: Readonly<Partial<Record<Theme, number>>> = { rates: 0.025, drift: 0.05 };

/** A command that ends this soon is one of a long row, ms. */
const QUICK_MS = 300;

/** Everything that a seed decides before the history begins. Durations in ms. */
export interface Setting {
  readonly theme: Theme;
  readonly candidates: number;
  readonly servers: number;
  readonly tickTime: number;
  readonly sessionTimeout: number;
  readonly leaseDuration: number | undefined;
  /** What the lease's duration really is: the granted session timeout unless configured. */
  readonly lease: number;
  readonly mixedFleet: boolean;
  readonly plan: Plan;
  /** `undefined`: `run once`. */
  readonly cron: CronSetting | undefined;
  readonly patience: number;
  readonly habits: CommandHabits;
  readonly latency: Latency;
  readonly lag: Latency;
  /** How much the monotonic clocks differ at most: 0.02 is 2 % fast or slow. */
  readonly rates: number;
  /** The longest a supervisor may stand still, ms. */
  readonly pause: number;
  /** The longest a machine may freeze, ms. */
  readonly freeze: number;
  /** How long faults go on. */
  readonly troubles: number;
  /** Mean time between two faults. */
  readonly faultEvery: number;
}

/**
 * Nothing is drawn and nothing fails: what a told history begins with. A service under `stop`, true clocks, a quick
 * network.
 */
export const QUIET_SETTING: Setting = {
  theme: 'rates',
  candidates: 3,
  servers: 3,
  tickTime: 500,
  sessionTimeout: 1500,
  leaseDuration: undefined,
  lease: 1500,
  mixedFleet: false,
  plan: {
    onChildSuccess: 'reelect',
    onChildError: 'reelect',
    onElectionFailure: 'retry',
    onLeaseLoss: 'stop',
    killAfter: 500,
    stopSignal: 'SIGTERM',
    electionTimeout: undefined,
    runTimeout: undefined,
    restartDelay: 100,
    restartMaxDelay: 2000,
    cron: undefined,
  },
  cron: undefined,
  patience: 3000,
  habits: { lasts: [Infinity, Infinity], fails: 0, stubborn: 0, stopsWithin: 20, leavesBehind: 0, missing: 0 },
  latency: QUIET,
  lag: QUIET,
  rates: 0,
  pause: 0,
  freeze: 0,
  troubles: 0,
  faultEvery: Infinity,
};

/** `about`: the theme, where it is not left to chance. */
export function drawSetting(random: Random, mode: Mode, about?: Theme): Setting {
  const setting = drawService(random, mode, about);
  return mode === 'once' ? setting : scheduled(random, setting);
}

/** The longest that faults go on in `run cron`, ms: at this pace a minute holds many terms. */
const CRON_TROUBLES_MS = 60_000;

/** The same candidates, with a schedule. */
function scheduled(random: Random, setting: Setting): Setting {
  const { theme, plan, mixedFleet, lease, sessionTimeout } = setting;
  // Nothing but an outage ends a term there, and it must not.
  const steady = theme === 'outages';
  const cron = drawCron(random, steady, mixedFleet);
  const policies = steady
    ? (['reelect', 'rerun', 'ignore'] as const)
    : (['reelect', 'reelect', 'reelect', 'rerun', 'ignore', 'exit'] as const);
  const habits = drawJobs(random);
  const [onChildSuccess, onChildError] = [random.pick(policies), random.pick(policies)];
  const lasts = Math.min(random.between(4, 12) * Math.max(lease, sessionTimeout, cron.gap), CRON_TROUBLES_MS);
  return {
    ...setting,
    cron,
    habits,
    plan: {
      ...plan,
      onChildSuccess,
      onChildError,
      cron: { concurrency: cron.concurrency },
    },
    troubles: lasts,
  };
}

function drawService(random: Random, mode: Mode, about?: Theme): Setting {
  const drawn = random.pick(THEMES[mode]);
  const theme = about ?? drawn;
  const keep = theme === 'keep' || theme === 'outages';
  const tickTime = random.pick([200, 500, 1000]);
  const sessionTimeout = tickTime * random.pick([2, 3, 4, 6, 10]);
  const leaseDuration = random.chance(0.5)
    ? undefined
    : keep
      ? sessionTimeout * random.pick([1, 1.5, 3])
      : random.pick([500, 800, 1000, 2000, 5000]);
  const mixedFleet = random.chance(0.15) && (leaseDuration ?? 0) <= sessionTimeout;
  const lease = leaseDuration ?? sessionTimeout;
  const spikes = theme === 'outages' ? 0 : random.pick([0, 0, 0.01, 0.05]);
  // A heartbeat that takes longer than a sixth of the lease counts as lost: in calm times it has to be well within
  // that.
  const roundTrip = Math.min(lease, sessionTimeout) / 6 / 2;
  const habits = drawHabits(random, theme);
  // Handovers are what a history costs: where they follow one another quickly, fewer seconds hold as many.
  const longest = habits.lasts[1] <= QUICK_MS ? 15_000 : 90_000;
  return {
    theme,
    candidates: random.whole(2, 5),
    servers: random.pick([1, 3, 3, 5]),
    tickTime,
    sessionTimeout,
    leaseDuration,
    lease,
    mixedFleet,
    plan: drawPlan(random, keep, lease, theme),
    cron: undefined,
    patience: random.pick([1, 2, 5]) * sessionTimeout,
    habits,
    latency: { low: 0.1, high: Math.min(random.pick([0.5, 2, 20]), roundTrip / 5), spikes, spike: lease / 4 },
    lag: { low: 0.1, high: Math.min(random.pick([1, 5, 50]), roundTrip / 5), spikes: 0, spike: 0 },
    rates: RATES[theme] ?? 0.0002,
    pause: 3 * lease,
    freeze: theme === 'pauses' ? margin(lease) * 0.5 : 3 * lease,
    troubles: Math.min(random.between(4, 12) * Math.max(lease, sessionTimeout), Math.max(longest, 3 * lease)),
    faultEvery: random.pick([0.2, 0.5, 1, 3]) * sessionTimeout,
  };
}

function drawPlan(random: Random, keep: boolean, lease: number, theme: Theme): Plan {
  const steady = theme === 'outages';
  const policies = ['reelect', 'reelect', 'reelect', 'rerun', 'rerun', 'rerun', 'exit', 'ignore'] as const;
  // Who runs anyway may run beside the leader: nothing but `keep` goes with that.
  const failing = theme === 'keep' ? (['retry', 'retry', 'run-anyway', 'exit'] as const) : (['retry', 'exit'] as const);
  return {
    onChildSuccess: random.pick(policies),
    onChildError: random.pick(policies),
    onElectionFailure: steady ? 'retry' : random.pick(failing),
    onLeaseLoss: keep ? 'keep' : 'stop',
    killAfter: Math.max(margin(lease), random.pick([200, 1000, 10_000])),
    stopSignal: random.pick(['SIGTERM', 'SIGTERM', 'SIGINT', 'SIGUSR1']),
    electionTimeout: random.chance(0.2) && !steady ? random.between(2, 20) * lease : undefined,
    runTimeout: random.chance(0.2) && !steady ? random.between(500, 20_000) : undefined,
    restartDelay: random.pick([1, 100, 100, 1000]),
    restartMaxDelay: random.pick([1000, 2000, 5000]),
    cron: undefined,
  };
}

function drawHabits(random: Random, theme: Theme): CommandHabits {
  const service = theme === 'outages' || random.chance(0.4);
  return {
    lasts: service
      ? [Infinity, Infinity]
      : random.pick([
          [1, QUICK_MS],
          [200, 5000],
          [1000, 60_000],
        ] as const),
    fails: random.pick([0, 0.3, 1]),
    stubborn: random.pick([0, 0.3, 1]),
    stopsWithin: random.pick([1, 100, 3000]),
    leavesBehind: random.pick([0, 0, 0.3]),
    missing: service ? 0 : random.pick([0, 0, 0.1]),
  };
}
