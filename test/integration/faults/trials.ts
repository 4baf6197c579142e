/** Everything that can be tried, by name: the faults of the catalogue, and the fleet of both kinds. */
import { startZooKeeper, type Ensemble } from '../../support/zookeeper.ts';
import { ZooKeeperArena } from './arena.ts';
import { FAULTS, type Fault } from './catalogue.ts';
import { cronKill, cronViolations } from './cron-kill.ts';
import { mixedFleet, mixedViolations } from './mixed-fleet.ts';
import { figures, violations, type Figures } from './report.ts';
import { LocalArena } from './local/arena.ts';
import { LOCAL_FAULTS } from './local/catalogue.ts';
import { series, type Findings, type SeriesOptions } from './series.ts';

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

/** A trial of an election on this host. */
export interface LocalTrial extends Omit<Trial, 'hold'> {
  readonly hold: (options: SeriesOptions) => Promise<Verdict>;
}

/** The catalogue of one host. */
export const LOCAL_TRIALS: Readonly<Record<string, LocalTrial>> = {
  ...Object.fromEntries(Object.entries(LOCAL_FAULTS).map(([name, fault]) => [name, localTrialOf(name, fault)])),
  'cron-kill': {
    summary: 'run cron, @every 1s, SIGKILL of the leader’s supervisor every 5 s; catch-up=once',
    hold: async (options) => {
      await using arena = new LocalArena();
      const found = await cronKill(arena, { ...RERUN, 'catch-up': 'once' }, options);
      const shown = { ...figures('cron-kill', undefined, found), ticks: found.ticks };
      return { figures: shown, wrong: cronViolations(found), evidence: found.evidence };
    },
  },
};

function localTrialOf(name: string, fault: Fault): LocalTrial {
  return {
    summary: fault.summary,
    hold: async (options) => {
      await using arena = new LocalArena();
      return verdictOf(name, fault, await series(fault, { arena }, options));
    },
  };
}

function verdictOf(name: string, fault: Fault, found: Findings): Verdict {
  return {
    figures: figures(name, fault.promise, found),
    wrong: violations(fault, found),
    evidence: found.evidence,
  };
}

function cronTrial(name: string, words: string, flags: Readonly<Record<string, string>>): Trial {
  return {
    summary: `run cron, @every 1s, SIGKILL of the leader’s supervisor every 5 s; ${words}`,
    hold: async (shared, options) => {
      await using arena = new ZooKeeperArena(shared);
      const found = await cronKill(arena, flags, options);
      const shown = { ...figures(name, undefined, found), ticks: found.ticks };
      return { figures: shown, wrong: cronViolations(found), evidence: found.evidence };
    },
  };
}

function trialOf(name: string, fault: Fault): Trial {
  const { summary, servers } = fault;
  return {
    summary,
    hold: async (shared, options) => {
      const own = servers === 'shared' ? undefined : await startZooKeeper({ members: servers === 'three' ? 3 : 1 });
      try {
        const zookeeper = own ?? shared;
        await using arena = new ZooKeeperArena(zookeeper, await serversFor(fault, zookeeper));
        return verdictOf(name, fault, await series(fault, { arena, zookeeper }, options));
      } finally {
        await own?.close();
      }
    },
  };
}

/** Only servers that the ensemble can miss, if the fault is to meet one of those. */
async function serversFor(fault: Fault, zookeeper: Ensemble): Promise<string> {
  if (fault.followersOnly !== true) return zookeeper.connectString;
  const leader = await zookeeper.leader();
  const followers = zookeeper.members.filter((member) => member !== leader);
  return followers.map(({ address }) => address).join(',');
}
