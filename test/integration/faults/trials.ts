/** Everything that can be tried, by name: the faults of the catalogue, and the fleet of both kinds. */
import { startZooKeeper, type Ensemble } from '../../support/zookeeper.ts';
import { FAULTS, type Fault } from './catalogue.ts';
import { cronKill, cronViolations } from './cron-kill.ts';
import { mixedFleet, mixedViolations } from './mixed-fleet.ts';
import { figures, violations, type Figures } from './report.ts';
import { series, type SeriesOptions } from './series.ts';

export interface Verdict {
  readonly figures: Figures;
  /** What must never be, whatever the machine's load; empty when all is well. */
  readonly wrong: readonly string[];
  /** Logs of rounds that went wrong. */
  readonly evidence: readonly string[];
}

export interface Trial {
  readonly summary: string;
  /** Throws when a round does not come to its end. */
  readonly hold: (shared: Ensemble, options: SeriesOptions) => Promise<Verdict>;
}

const RERUN = { 'on-child-success': 'rerun', 'on-child-error': 'rerun' };

export const TRIALS: Readonly<Record<string, Trial>> = {
  ...Object.fromEntries(Object.entries(FAULTS).map(([name, fault]) => [name, trialOf(name, fault)])),
  'mixed-fleet': {
    summary: 'two of ours and one of Go’s ballot; each leads in turn and crashes, resigns, is terminated or killed',
    hold: async (shared, options) => {
      const found = await mixedFleet(shared, options);
      return { figures: figures('mixed-fleet', undefined, found), wrong: mixedViolations(found), evidence: [] };
    },
  },
  'cron-kill-none': cronTrial('cron-kill-none', 'catch-up=none', { ...RERUN, 'catch-up': 'none' }),
  'cron-kill-once': cronTrial('cron-kill-once', 'catch-up=once', { ...RERUN, 'catch-up': 'once' }),
  'cron-kill-turns': cronTrial('cron-kill-turns', 'every run on another candidate (reelect), catch-up=once', {
    'catch-up': 'once',
  }),
};

function cronTrial(name: string, words: string, flags: Readonly<Record<string, string>>): Trial {
  return {
    summary: `run cron, @every 1s, SIGKILL of the leader’s supervisor every 5 s; ${words}`,
    hold: async (shared, options) => {
      const found = await cronKill(shared, flags, options);
      const shown = { ...figures(name, undefined, found), ticks: found.ticks };
      return { figures: shown, wrong: cronViolations(found), evidence: found.evidence };
    },
  };
}

function trialOf(name: string, fault: Fault): Trial {
  const { summary, servers, promise } = fault;
  return {
    summary,
    hold: async (shared, options) => {
      const own = servers === 'shared' ? undefined : await startZooKeeper({ members: servers === 'three' ? 3 : 1 });
      try {
        const found = await series(fault, own ?? shared, options);
        return {
          figures: figures(name, promise, found),
          wrong: violations(fault, found),
          evidence: found.evidence,
        };
      } finally {
        await own?.close();
      }
    },
  };
}
