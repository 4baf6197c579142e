/** What is done to a leader on one host. Three candidates stand; `kill-after` is 500 ms. */
import type { Fault } from '../catalogue.ts';
import { kill, term } from '../strikes.ts';
import {
  crashInWrite,
  killAllButGrandchild,
  killBoth,
  killHelper,
  killKeeper,
  killStandby,
  removeLock,
  replaceLock,
  stop,
  stopKeeper,
  stopKeeperAndKill,
} from './strikes.ts';

const here = { servers: 'none' } as const;

export const LOCAL_FAULTS: Readonly<Record<string, Fault>> = {
  term: { ...here, summary: 'SIGTERM to ballot', outcome: 'next', strike: term },
  kill: { ...here, summary: 'SIGKILL of the supervisor', outcome: 'next', promise: 60, strike: kill },
  'kill-deaf': {
    ...here,
    summary: 'the same, with a command that ignores SIGTERM',
    command: 'deaf',
    outcome: 'next',
    strike: kill,
  },
  'kill-family': {
    ...here,
    summary: 'the same, with a child in the command’s process group that ignores SIGTERM',
    command: 'family',
    outcome: 'next',
    strike: kill,
  },
  stop: {
    ...here,
    summary: 'SIGSTOP of the supervisor, SIGCONT: the same run goes on, and info tells of it',
    outcome: 'same',
    strike: stop('supervisor'),
  },
  'keeper-kill': {
    ...here,
    summary: 'SIGKILL of the keeper: the same run goes on, with another keeper',
    outcome: 'same',
    strike: killKeeper,
  },
  'keeper-stop': {
    ...here,
    summary: 'SIGSTOP of the keeper, SIGCONT: the same run goes on',
    outcome: 'same',
    strike: stopKeeper,
  },
  'keeper-stop-kill': {
    ...here,
    summary: 'SIGSTOP of the keeper, SIGKILL of the supervisor: nobody starts before SIGCONT',
    outcome: 'next',
    strike: stopKeeperAndKill,
  },
  'both-kill': {
    ...here,
    summary: 'SIGKILL of supervisor and keeper: nobody starts before the command ends',
    outcome: 'next',
    strike: killBoth,
  },
  'both-stop': {
    ...here,
    summary: 'SIGSTOP of supervisor and keeper, SIGCONT: the same run goes on',
    outcome: 'same',
    strike: stop('both'),
  },
  'all-stop': {
    ...here,
    summary: 'SIGSTOP of supervisor, keeper and command, SIGCONT: the same run goes on',
    outcome: 'same',
    strike: stop('all'),
  },
  grandchild: {
    ...here,
    summary: 'SIGKILL of supervisor, keeper and command, but not of its child: nobody starts before that ends',
    command: 'family',
    outcome: 'next',
    strike: killAllButGrandchild,
  },
  'standby-kill': {
    ...here,
    summary: 'SIGKILL of one that stands by: the same run goes on',
    outcome: 'same',
    strike: killStandby,
  },
  'helper-kill': {
    ...here,
    summary: 'SIGKILL of the process that waits for the lock: the same run goes on, and its candidate stands again',
    outcome: 'same',
    strike: killHelper,
  },
  'lock-removed': {
    ...here,
    summary: 'the lock file is deleted; deaf command',
    command: 'deaf',
    outcome: 'next',
    strike: removeLock,
  },
  'lock-replaced': {
    ...here,
    summary: 'another file is renamed into the place of the lock file; deaf command',
    command: 'deaf',
    outcome: 'next',
    strike: replaceLock,
  },
  'crash-lease': {
    ...here,
    summary: 'SIGKILL of who writes lease.json, at a random instant of it, in a handover',
    outcome: 'next',
    strike: crashInWrite('lease'),
  },
  'crash-tokens': {
    ...here,
    summary: 'SIGKILL of who reserves tokens, at a random instant of it, in a handover',
    outcome: 'next',
    strike: crashInWrite('tokens'),
  },
  'crash-ledger': {
    ...here,
    summary: 'SIGKILL of who writes the ledger, at a random instant of it, in a handover',
    outcome: 'next',
    strike: crashInWrite('registers'),
  },
  'crash-queue': {
    ...here,
    summary: 'SIGKILL of who enters the queue, at a random instant of it, in a handover',
    outcome: 'next',
    strike: crashInWrite('queue'),
  },
};
