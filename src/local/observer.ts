/** The side of this host of the port of those who do not stand: what is asked of an election's files. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, sleepUntil } from '../clock.ts';
import { answerAmongNamesakes, answerNo, whoLeadsInWords } from '../election/answers.ts';
import {
  type Answer,
  type AskableLeader,
  type Asked,
  type Connection,
  type Deserted,
  type ElectionView,
  type Leader,
  type Neighbourhood,
  NobodyToAskError,
  type Observer,
  type Question,
  type Sight,
  type Succeeded,
} from '../election/observer.ts';
import { describe, UnavailableError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { codeOf } from './disk.ts';
import { type ElectionFolder, inspectFolder } from './folder.ts';
import { FolderWatch } from './folder-watch.ts';
import { type Leadership, leadershipIn } from './leader.ts';
import { type LeaseRecord, readLease } from './lease.ts';
import { readQueue } from './queue.ts';
import { agedTo, localRegister, localStandings, participants } from './standings.ts';
import { wasWrittenAfter, writeRequest } from './step-down.ts';

/** One who looks at this folder. Every call throws what `localStandings` throws. */
export function observe(folder: ElectionFolder, clock: Clock, signal: AbortSignal): Observer {
  const look = <T>(read: () => T): Promise<T> =>
    Promise.resolve().then(() => {
      signal.throwIfAborted();
      return read();
    });
  return {
    name: folder.path,
    signal,
    see: (register) => look(() => aged(see(folder, register), clock.wall())),
    register: (name) => look(() => localRegister(folder, name)),
    participants: () => look(() => participants(folder)),
    whoLeads: (question) => look(() => whoLeads(folder, question)),
    askToStepDown: (by) => look(() => askToStepDown(folder, by, clock.wall())),
    untilSucceeded: (leader) => untilSucceeded(folder, clock, signal, leader),
  };
}

function see(folder: ElectionFolder, register: string): Sight {
  const report = localStandings(folder);
  const deserted = report.lease === undefined ? desertedOf(folder) : undefined;
  return { report, register: localRegister(folder, register), deserted };
}

const aged = ({ report, ...rest }: Sight, wall: number): Sight => ({ ...rest, report: agedTo(wall, report) });

function desertedOf(folder: ElectionFolder): Deserted {
  const { path } = folder;
  const exists = inspectFolder(folder);
  const wasHeld = exists && readLease(folder.lease).kind !== 'never';
  return { carrier: 'folder', path, exists, wasHeld, around: wasHeld ? undefined : neighbourhood(dirname(path)) };
}

/** The elections in this folder, or the nearest folder above it that there is. */
function neighbourhood(path: string): Neighbourhood | undefined {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return {
      path,
      names: entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(({ name }) => name)
        .toSorted(),
    };
  } catch (error) {
    // What is not shown to this user is of no help.
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error)) || path === '/') return undefined;
    return neighbourhood(dirname(path));
  }
}

function whoLeads(folder: ElectionFolder, question: Question): Answer {
  const { path } = folder;
  if (!inspectFolder(folder)) return answerNo(question, path, `there is no folder ${path}`, []);
  const leadership = leadershipIn(folder);
  const record = 'record' in leadership ? leadership.record : undefined;
  if (record !== undefined && record.candidateId === question.candidateId) {
    if (leadership.kind === 'gone') return { leads: false, why: leadership.why, warnings: [] };
    return answerAmongNamesakes(question, record, participants(folder));
  }
  const why = whoLeadsInWords(inTheWordsOfThePort(leadership));
  return answerNo(question, path, why, question.isThorough ? participants(folder) : undefined);
}

function inTheWordsOfThePort(leadership: Leadership): Parameters<typeof whoLeadsInWords>[0] {
  if (leadership.kind === 'held' || leadership.kind === 'unreadable') return leadership;
  return { kind: 'vacant' };
}

function askToStepDown(folder: ElectionFolder, by: string, wall: number): Asked {
  const leader = presentLeader(folder);
  const { fencingToken } = leader;
  const first = writeRequest(folder, fencingToken, by, wall);
  const after = leadershipIn(folder);
  const isOver = after.kind !== 'held' || after.record.fencingToken !== fencingToken;
  return { leader, by: first, isTooLate: isOver && wasWrittenAfter(folder, fencingToken) };
}

function presentLeader(folder: ElectionFolder): AskableLeader {
  const { path } = folder;
  if (!inspectFolder(folder))
    throw new NobodyToAskError(
      `nobody leads: there is no folder ${path}`,
      'check election and state-dir; ballot info shows what is there',
    );
  const leadership = leadershipIn(folder);
  switch (leadership.kind) {
    case 'held':
      return leaderOf(leadership.record);
    case 'gone': {
      const { candidateId, hostname } = leadership.record;
      throw new NobodyToAskError(
        `nobody leads ${path}: of ${candidateId} on ${hostname}, who led last: ${leadership.why}`,
        'the next candidate in the queue takes over by itself; ballot info shows who stands',
      );
    }
    case 'unreadable':
      throw new NobodyToAskError(
        `nobody can be asked: the lease in ${path} cannot be read: ${leadership.why}`,
        'the next leader writes it anew; ballot info shows who stands',
      );
    case 'vacant':
    case 'never':
      throw new NobodyToAskError(`nobody leads ${path}: the lease is vacant`, 'ballot info shows who stands');
  }
}

const leaderOf = ({ candidateId, hostname, fencingToken }: LeaseRecord): AskableLeader => ({
  candidateId,
  hostname,
  fencingToken,
});

/** No file tells that a process has died, so it is looked so often in any case, ms. */
const LOOK_MS = 500;

async function untilSucceeded(
  folder: ElectionFolder,
  clock: Clock,
  signal: AbortSignal,
  leader: Leader,
): Promise<Succeeded> {
  const watch = new FolderWatch({ folder, clock, every: LOOK_MS });
  try {
    for (;;) {
      signal.throwIfAborted();
      watch.arm();
      if (!inspectFolder(folder)) return { next: undefined };
      const leadership = leadershipIn(folder);
      const isHeld = leadership.kind === 'held';
      if (isHeld && leadership.record.fencingToken !== leader.fencingToken)
        return { next: leaderOf(leadership.record) };
      if (!isHeld && readQueue(folder.queue).living.length === 0) return { next: undefined };
      await watch.changed(signal);
    }
  } finally {
    watch.close();
  }
}

/** What to follow. */
export interface FollowOptions {
  readonly folder: ElectionFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of the register that is read as well. */
  readonly register: string;
  /** The name of this host. */
  readonly server: string;
  /** Ends it; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Called with each change, and now and then without one. */
  told(view: ElectionView): void;
}

/** From one reading to the next, at least and at most, ms: a change is read at once, a death within the second. */
const ROUND_MS = { least: 100, most: 1_000 } as const;

/**
 * Follows an election on this host, whether or not it exists, until the signal is aborted. Throws its reason, and
 * ConfigurationError where the folder must not be trusted, or may not be read.
 */
export async function followFolder({ told, ...options }: FollowOptions): Promise<never> {
  const { clock, signal, folder, logger } = options;
  const watch = new FolderWatch({ folder, clock, logger, every: ROUND_MS.most });
  let view: ElectionView = {
    connection: { state: 'connecting', since: clock.now(), why: undefined },
    sightAt: undefined,
  };
  try {
    for (;;) {
      const from = clock.now();
      watch.arm();
      view = lookAgain(view, options);
      told(view);
      await watch.changed(signal);
      await sleepUntil(clock, from + ROUND_MS.least, signal);
    }
  } finally {
    watch.close();
  }
}

/** What is known now. A disk that cannot be read may be read later. */
function lookAgain(
  before: ElectionView,
  { folder, clock, register, server }: Omit<FollowOptions, 'told'>,
): ElectionView {
  const now = clock.now();
  const { state, since } = before.connection;
  try {
    const sight = see(folder, register);
    const connection: Connection = { state: 'connected', since: state === 'connected' ? since : now, server };
    return { connection, sightAt: ({ wall }) => aged(sight, wall) };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const why = describe(error);
    if (state === 'connecting') return { ...before, connection: { state, since, why } };
    return { ...before, connection: { state: 'lost', since: state === 'lost' ? since : now, why } };
  }
}
