/** What the tests of a file share: a server, an observer of it, and for each test a stage of its own. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { runBallot } from './ballot.ts';
import { Candidate, electionAt, Journal, type CandidateOptions } from './candidate.ts';
import { serversOf, sessionsAt, within } from './sessions.ts';
import { startZooKeeper, type Ensemble, type Member, type ZooKeeperOptions } from './zookeeper.ts';

/** Flags for who stands alone and ends with its command. */
export const EXIT = { 'on-child-success': 'exit', 'on-child-error': 'exit' };

/** Flags for who stays leader, however its command ends. */
export const RERUN = { 'on-child-success': 'rerun', 'on-child-error': 'rerun' };

/** What `election` says when nobody leads and nobody stands. */
export const abandoned = { lease: { kind: 'vacant' }, proposals: [] };

/** Bash for a command: it goes on until `openGate`. */
export const UNTIL_OPEN = 'until [ -e "$journal.open" ]; do stay 0.02; done';

export interface StageOptions {
  readonly basePath?: string;
  /** What the test itself reads the election with. */
  readonly observer?: Session;
}

/** As long as servers grant it, and no shorter: a busy machine may stand still for seconds. */
const OBSERVER_SESSION_MS = 60_000;

/** Stages that nobody has disposed of yet. */
const open = new Set<Stage>();

/** Disposes of every stage that no test has disposed of, and throws when there is one. */
export async function disposeOfForgotten(): Promise<void> {
  const forgotten = [...open];
  await Promise.all(forgotten.map((stage) => stage[Symbol.asyncDispose]()));
  if (forgotten.length > 0) throw new Error(`stages that no test has disposed of: ${forgotten.length}`);
}

// So that no test can forget to look for overlaps.
afterAll(disposeOfForgotten);

/**
 * An election of its own, its journal and its candidates. Dispose of it: that throws when the journal shows two
 * commands at once.
 */
export class Stage implements AsyncDisposable {
  readonly basePath: string;
  readonly journal = new Journal();
  /** Two commands at once are in order: `run-anyway`. */
  overlapsAllowed = false;
  readonly #servers: string;
  readonly #observer: Session | undefined;
  readonly #candidates: Candidate[] = [];

  /** Everybody who was started here. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  constructor(servers: string, { basePath = `/stage-${randomUUID()}`, observer }: StageOptions = {}) {
    this.#servers = servers;
    this.basePath = basePath;
    this.#observer = observer;
    open.add(this);
  }

  /** Throws when this stage has none. */
  get observer(): Session {
    if (this.#observer === undefined) throw new Error('this stage has no observer');
    return this.#observer;
  }

  /** What says to a candidate where the election is. */
  protected get place(): Pick<CandidateOptions, 'servers' | 'basePath' | 'flags'> {
    return {
      servers: this.#servers,
      basePath: this.basePath,
      flags: { 'zookeeper-session-timeout': '4s' },
    };
  }

  /** The same, to a report. */
  protected get question(): readonly string[] {
    return [`--zookeeper-servers=${this.#servers}`, `--zookeeper-base-path=${this.basePath}`];
  }

  /**
   * Starts a candidate with the journalled command, or with another. Sessions last 4 s unless a flag says otherwise.
   */
  start({
    script,
    traps,
    flags = {},
    ...options
  }: Partial<CandidateOptions> & { readonly script?: string; readonly traps?: string } = {}): Candidate {
    const candidate = new Candidate({
      ...this.place,
      command: this.journal.command(script, traps),
      ...options,
      flags: { ...this.place.flags, ...flags },
    });
    this.#candidates.push(candidate);
    return candidate;
  }

  /**
   * Starts a candidate and waits until it stands by (or leads), so that the order of the queue is that of the calls.
   */
  async stand(options: Parameters<Stage['start']>[0] = {}): Promise<Candidate> {
    const candidate = this.start(options);
    await candidate.until(
      () => candidate.said('standing by').length > 0 || candidate.said('elected leader').length > 0,
      'to stand',
    );
    return candidate;
  }

  /** Lease and queue of the election, or of the one at another path. */
  election(basePath = this.basePath): ReturnType<typeof electionAt> {
    return electionAt(this.observer, basePath);
  }

  /** Lets the commands go on that wait with `UNTIL_OPEN`. */
  openGate(): void {
    writeFileSync(`${this.journal.path}.open`, '');
  }

  /** `ballot info -o json`. */
  async info(): Promise<InfoReport> {
    return (await this.#ask('info')) as InfoReport;
  }

  /** `ballot history -o json`. */
  history(): Promise<unknown> {
    return this.#ask('history');
  }

  async #ask(question: 'info' | 'history'): Promise<unknown> {
    const { folder } = this.journal;
    const told = await runBallot([question, '-o', 'json', ...this.question], { cwd: folder, env: { HOME: folder } });
    if (told.code !== 0) throw new Error(`ballot ${question} ended with ${told.code}: ${told.stderr}`);
    return JSON.parse(told.stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this);
    using journal = this.journal;
    await Promise.all(this.#candidates.map((candidate) => candidate[Symbol.asyncDispose]()));
    if (journal.overlaps().length > 0 && !this.overlapsAllowed)
      throw new Error(`two commands at once:\n${readFileSync(journal.path, 'utf8')}`);
  }
}

/** Where an election is, and what the test reads it with. */
export type Observed = Pick<Stage, 'basePath' | 'observer'>;

/** What `ballot info -o json` prints, as far as these tests look at it. */
export interface InfoReport {
  readonly leader: {
    readonly candidateId?: string;
    readonly lastSeenTime?: string;
    readonly notes?: readonly string[];
  };
  readonly candidates: readonly {
    readonly candidateId: string;
    readonly proposalNode: string;
    readonly notes: readonly string[];
  }[];
  readonly lease?: {
    readonly state: string;
    /** A duration; not there once it has run out. */
    readonly expiresIn?: string;
    readonly holder?: string;
    readonly fencingToken?: number;
    readonly runId?: string;
    readonly notes: readonly string[];
  };
}

export interface SharedOptions extends ZooKeeperOptions {
  /** Whether there is an observer (the default). A file whose tests stop the server does without. */
  readonly observer?: boolean;
  /**
   * The file's own server: its tests stop it, look at its log and counters, or expect to find nothing in it. Options of
   * the server imply it. Without, the files of a worker share one, and each election has a path of its own.
   */
  readonly alone?: boolean;
}

/** What the files of this worker share, as long as nobody stops it. It ends with the process. */
let common: Promise<Ensemble> | undefined;

function startCommon(): Promise<Ensemble> {
  // That is how a worker is ended: the server and its folder go at `exit`.
  process.once('SIGTERM', () => process.exit(143));
  return startZooKeeper();
}

/** The ZooKeeper of `useZooKeeper`. It is there while tests and their hooks run. */
export class SharedZooKeeper {
  #ensemble: Ensemble | undefined;
  #observer: Session | undefined;
  /** Of the common server: who finds another one at the end has stopped it. */
  #commonPid: number | undefined;

  /** Throws before the start. */
  get ensemble(): Ensemble {
    if (this.#ensemble === undefined) throw new Error('ZooKeeper has not been started yet: ask in a test or a hook');
    return this.#ensemble;
  }

  /** A session of the test's own, which reads and writes what is in ZooKeeper. Throws when there is none. */
  get observer(): Session {
    if (this.#observer === undefined) throw new Error('there is no observer');
    return this.#observer;
  }

  get server(): Member {
    return this.ensemble.server;
  }

  get members(): readonly Member[] {
    return this.ensemble.members;
  }

  /** `host:port` of every member, separated by commas. */
  get connectString(): string {
    return this.ensemble.connectString;
  }

  /** An election on it. The test disposes of it: `await using`. */
  stage(basePath?: string): Stage {
    return new Stage(this.connectString, {
      ...(basePath !== undefined && { basePath }),
      ...(this.#observer && { observer: this.#observer }),
    });
  }

  /** Starts every member that is stopped. Resolves when all serve. */
  async restartStopped(): Promise<void> {
    for (const member of this.members) if (member.pid === undefined) await member.restart();
    await Promise.all(this.members.map((member) => member.ready()));
  }

  /** @internal */
  async start({ observer = true, alone, ...options }: SharedOptions): Promise<void> {
    if (alone ?? Object.keys(options).length > 0) this.#ensemble = await startZooKeeper(options);
    else {
      this.#ensemble = await (common ??= startCommon());
      this.#commonPid = this.server.pid;
    }
    if (!observer) return;
    const { opener } = sessionsAt(serversOf(this.#ensemble), { sessionTimeout: OBSERVER_SESSION_MS });
    this.#observer = await opener.open(within);
  }

  /** Throws when tests have stopped the server that others share. @internal */
  async close(): Promise<void> {
    await this.#observer?.close(3000);
    const ensemble = this.#ensemble;
    if (this.#commonPid === undefined || ensemble === undefined) return ensemble?.close();
    if (ensemble.server.pid === this.#commonPid && (await ensemble.server.serves())) return;
    common = undefined;
    await ensemble.close();
    throw new Error('these tests have stopped the server that others share: they need `useZooKeeper({ alone: true })`');
  }
}

/**
 * One ZooKeeper for all tests of a file, or of the `describe` that this is called in: a server, unless options say
 * otherwise, and an observer. It is there before the first test, and until the last has ended.
 */
export function useZooKeeper(options: SharedOptions = {}): SharedZooKeeper {
  const shared = new SharedZooKeeper();
  beforeAll(() => shared.start(options));
  afterAll(() => shared.close());
  return shared;
}
