/**
 * What is done to a leader. Sessions last 4 s, servers tick every 500 ms, three candidates stand. "At a random moment"
 * is between zero and one and a half heartbeats after everybody stands in place.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandKind } from '../../support/journal.ts';
import type { Round } from './round.ts';
import {
  allAway,
  allExpired,
  blackHole,
  blackHoleBriefly,
  ensembleLeaderStops,
  expired,
  hostStops,
  wiped,
  kill,
  loseKeeper,
  memberStops,
  stand,
  standBriefly,
  term,
} from './strikes.ts';

export interface Fault {
  /** What is done and what is to come of it. */
  readonly summary: string;
  /** `none`: the election is on this host. */
  readonly servers: 'shared' | 'own' | 'three' | 'none';
  /** Candidates know only those of three servers that the ensemble can miss. */
  readonly followersOnly?: true;
  readonly ownNetworks?: true;
  readonly command?: CommandKind;
  readonly wallClocks?: readonly number[];
  readonly flags?: (place: number) => Readonly<Record<string, string>>;
  /** `next`: another run starts. `same`: the run goes on, in the same term. `either`: whichever the moment decides. */
  readonly outcome: 'next' | 'same' | 'either';
  /** What is promised from the fault to the next start on an idle machine, ms. */
  readonly promise?: number;
  readonly strike: (round: Round) => Promise<void>;
}

const STOP = { 'on-lease-loss': 'stop' };
const stop = (): Record<string, string> => STOP;

export const FAULTS: Readonly<Record<string, Fault>> = {
  term: { summary: 'SIGTERM to ballot', servers: 'shared', outcome: 'next', strike: term },
  kill: { summary: 'SIGKILL of the supervisor', servers: 'shared', outcome: 'next', promise: 300, strike: kill },
  'kill-deaf': {
    summary: 'the same, with a command that ignores SIGTERM (kill-after 500 ms)',
    servers: 'shared',
    command: 'deaf',
    outcome: 'next',
    promise: 800,
    strike: kill,
  },
  'kill-family': {
    summary: 'the same, with a child in the command’s process group that ignores SIGTERM',
    servers: 'shared',
    command: 'family',
    outcome: 'next',
    promise: 800,
    strike: kill,
  },
  'stop-stop': {
    summary: 'SIGSTOP of the supervisor, SIGCONT after the take-over; on-lease-loss=stop',
    servers: 'shared',
    flags: stop,
    outcome: 'next',
    promise: 4000,
    strike: stand,
  },
  'stop-keep': {
    summary: 'the same under on-lease-loss=keep, with a deaf child of the command',
    servers: 'shared',
    command: 'family',
    outcome: 'next',
    promise: 4000,
    strike: stand,
  },
  'stop-brief': {
    summary: 'SIGSTOP of the supervisor, SIGCONT around the instant at which the keeper acts; deaf command',
    servers: 'shared',
    flags: stop,
    command: 'deaf',
    outcome: 'either',
    strike: standBriefly,
  },
  'keeper-kill': {
    summary: 'SIGKILL of the keeper: the same run goes on, in the same term',
    servers: 'shared',
    outcome: 'same',
    strike: (round) => loseKeeper(round, 'SIGKILL'),
  },
  'keeper-stop': {
    summary: 'SIGSTOP of the keeper: the same run goes on, in the same term; on-lease-loss=stop',
    servers: 'shared',
    flags: stop,
    outcome: 'same',
    strike: (round) => loseKeeper(round, 'SIGSTOP'),
  },
  'black-hole': {
    summary: 'the leader’s connection loses everything, both ways',
    servers: 'shared',
    ownNetworks: true,
    flags: stop,
    outcome: 'next',
    promise: 4000,
    strike: blackHole('both'),
  },
  'black-hole-out': {
    summary: 'it loses what the leader says; deaf command',
    servers: 'shared',
    ownNetworks: true,
    command: 'deaf',
    flags: stop,
    outcome: 'next',
    promise: 4000,
    strike: blackHole('toServer'),
  },
  'black-hole-in': {
    summary: 'it loses what the server says: renewals arrive that nobody knows of',
    servers: 'shared',
    ownNetworks: true,
    flags: stop,
    outcome: 'next',
    strike: blackHole('toClient'),
  },
  'black-hole-1s': {
    summary: 'both ways, lease-duration 1s',
    servers: 'shared',
    ownNetworks: true,
    flags: () => ({ ...STOP, 'lease-duration': '1s' }),
    outcome: 'next',
    promise: 1100,
    strike: blackHole('both'),
  },
  'black-hole-brief': {
    summary: 'both ways, healed around the end of the lease; deaf command',
    servers: 'shared',
    ownNetworks: true,
    command: 'deaf',
    flags: stop,
    outcome: 'either',
    strike: blackHoleBriefly,
  },
  uneven: {
    summary: 'both ways; leases of 1, 2 and 4 s, wall clocks five hours behind, right, and seven hours ahead',
    servers: 'shared',
    ownNetworks: true,
    wallClocks: [-5 * 3600, 0, 7 * 3600],
    flags: (place) => ({ ...STOP, 'lease-duration': ['1s', '2s', '4s'][place] as string }),
    outcome: 'next',
    promise: 4000,
    strike: blackHole('both'),
  },
  expired: {
    summary: 'the leader is cut off until its session has expired, and comes back',
    servers: 'shared',
    ownNetworks: true,
    flags: stop,
    outcome: 'next',
    promise: 4000,
    strike: expired,
  },
  'all-expired': {
    summary: 'all three are cut off until their sessions have expired: the same run goes on; on-lease-loss=keep',
    servers: 'shared',
    ownNetworks: true,
    outcome: 'same',
    strike: allExpired,
  },
  'all-away-stop': {
    summary: 'all servers gone for 8 s; on-lease-loss=stop',
    servers: 'own',
    flags: stop,
    outcome: 'next',
    strike: allAway,
  },
  'all-away-keep': {
    summary: 'all servers gone for 8 s: the same run goes on; on-lease-loss=keep',
    servers: 'own',
    outcome: 'same',
    strike: async (round) => {
      await allAway(round);
      await sleep(5000);
    },
  },
  'member-stop': {
    summary: 'SIGSTOP of the server that the leader is connected to: the same run goes on',
    servers: 'three',
    followersOnly: true,
    // A busy machine has the time to reach another server, under load too, before the command would be stopped.
    flags: () => ({ ...STOP, 'log-level': 'debug', 'zookeeper-session-timeout': '10s' }),
    outcome: 'same',
    strike: memberStops,
  },
  'ensemble-leader-stop': {
    summary: 'SIGSTOP of the ensemble’s own leader for 6 s: the same run goes on; on-lease-loss=keep',
    servers: 'three',
    outcome: 'same',
    strike: ensembleLeaderStops,
  },
  wiped: {
    summary: 'the leader is cut off, and the only server loses its data',
    servers: 'own',
    ownNetworks: true,
    flags: stop,
    outcome: 'next',
    strike: wiped,
  },
  'host-stop': {
    summary:
      'SIGSTOP of supervisor, keeper and command; SIGCONT after the take-over: a late writer, with a lower token',
    servers: 'shared',
    flags: stop,
    outcome: 'next',
    promise: 4000,
    strike: hostStops,
  },
};
