/**
 * Plays Go's ballot over the wire: same records, same order, same waits, a journalled command. It renews every half of
 * its session timeout; it takes a rewrite of the proposal before its own for a failed election, as Go does; it leaves
 * its record in the lease when it resigns.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../../../src/zookeeper/session/port.ts';
import { keepers, serversOf, sessionsAt, within } from '../../support/sessions.ts';
import type { Ensemble } from '../../support/zookeeper.ts';
import { monotonic } from './round.ts';

const TIMEOUT_MS = 4000;
const SESSION_TIMEOUT = '4s';

/** The one that is being opened. */
let opening: Promise<unknown> = Promise.resolve();

/** Opens one session after the other: the keeper of each is the process that has come meanwhile. */
function openSession(zookeeper: Pick<Ensemble, 'members'>): Promise<Pick<Place, 'session' | 'keeper'>> {
  const opened = opening.then(async () => {
    const before = keepers();
    const session = await sessionsAt(serversOf(zookeeper)).opener.open(within);
    return { session, keeper: keepers().find((pid) => !before.includes(pid)) as number };
  });
  opening = opened.catch(() => undefined);
  return opened;
}

export class GoCandidate {
  readonly candidateId: string;
  /** A proposal before its own was rewritten: Go leaves the queue then. Never, in a fleet that knows it is mixed. */
  driven = 0;
  /** Monotonic ms at which the last renewal that was acknowledged was sent. */
  renewedAt = NaN;
  /** What it could not do. */
  failure: unknown;
  readonly #basePath: string;
  readonly #command: readonly [string, ...string[]];
  readonly #session: Session;
  readonly #keeper: number;
  readonly #record: Record<string, string>;
  readonly #proposal: string;
  readonly #over = new AbortController();
  #child: ChildProcess | undefined;
  #leading: Promise<void> | undefined;

  private constructor(id: string, basePath: string, command: readonly [string, ...string[]], place: Place) {
    this.candidateId = id;
    this.#basePath = basePath;
    this.#command = command;
    this.#session = place.session;
    this.#keeper = place.keeper;
    this.#record = place.record;
    this.#proposal = place.proposal;
    void this.#watched(this.#stand());
  }

  /** Resolves when it stands in the queue. */
  static async enter(
    zookeeper: Pick<Ensemble, 'members'>,
    basePath: string,
    id: string,
    command: readonly [string, ...string[]],
  ): Promise<GoCandidate> {
    const { session, keeper } = await openSession(zookeeper);
    const known = { candidateId: id, hostname: 'go-host', pid: '4711' };
    const record = { ...known, proposalTime: goTime(), sessionTimeout: SESSION_TIMEOUT };
    const data = Buffer.from(JSON.stringify(record));
    if ((await session.exists(basePath, within)) === undefined)
      await session.create(basePath, Buffer.alloc(0), 'persistent', within);
    const proposal = await session.create(`${basePath}/proposal-`, data, 'ephemeral-sequential', within);
    return new GoCandidate(id, basePath, command, { session, keeper, record, proposal });
  }

  get leads(): boolean {
    return this.#child !== undefined;
  }

  /** Ends the command, then deletes the proposal; the record stays in the lease, as it mostly does with Go. */
  async resign(): Promise<void> {
    this.#over.abort();
    await this.#leading;
    await this.#endCommand();
    await this.#session.delete(this.#proposal, -1, within);
    await this.#session.close(3000);
  }

  /** The host is gone: no command, no renewal, and a session that nobody closes. */
  async crash(): Promise<void> {
    this.#over.abort();
    process.kill(this.#keeper, 'SIGKILL');
    await this.#endCommand();
    // Without a connection, only its own side of the session is closed. The kept one attaches again at once unless it
    // is told to end first.
    await this.#session.close(0);
  }

  /** What goes wrong while it is not being ended is kept for the one who asks. */
  async #watched(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#over.signal.aborted) this.failure = error;
    }
  }

  async #stand(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const children = (await this.#session.children(this.#basePath, within)).toSorted();
      const own = children.indexOf(this.#proposal.slice(this.#basePath.length + 1));
      const predecessor = children[own - 1];
      if (predecessor !== undefined) await this.#awaitEnd(`${this.#basePath}/${predecessor}`);
      else if (await this.#claim()) return;
      else await sleep(TIMEOUT_MS / 2);
    }
  }

  async #awaitEnd(path: string): Promise<void> {
    try {
      const { watch } = await this.#session.getWatched(path, within);
      if ((await watch.fired) === 'changed') this.driven++;
    } catch {
      // Gone before the look: the queue is read again.
    }
  }

  /** The lease is free for Go when it is empty, or older by its local wall clock than its own session timeout. */
  async #claim(): Promise<boolean> {
    const { data, stat } = await this.#session.get(this.#basePath, within);
    if (data.length > 0 && Date.now() - stat.mtime < TIMEOUT_MS) return false;
    const at = monotonic();
    const claimed = await this.#session.set(this.#basePath, this.#lease(), stat.version, within).catch(() => undefined);
    if (claimed === undefined) return false;
    this.renewedAt = at;
    const env = { BALLOT_CANDIDATE_ID: this.candidateId, BALLOT_RUN_ID: `go.${claimed.mzxid}` };
    const [file, ...args] = this.#command;
    this.#child = spawn(file, args, {
      env: { PATH: process.env['PATH'], ...env, BALLOT_FENCING_TOKEN: String(claimed.mzxid) },
      stdio: 'ignore',
      detached: true,
    });
    this.#leading = this.#watched(this.#renew(claimed.version));
    return true;
  }

  async #renew(version: number): Promise<void> {
    for (;;) {
      await sleep(TIMEOUT_MS / 2, undefined, { signal: this.#over.signal }).catch(() => undefined);
      if (this.#over.signal.aborted) return;
      const at = monotonic();
      version = (await this.#session.set(this.#basePath, this.#lease(), version, within)).version;
      this.renewedAt = at;
    }
  }

  async #endCommand(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-(child.pid as number), 'SIGKILL');
    await gone;
  }

  #lease(): Buffer {
    return Buffer.from(JSON.stringify({ ...this.#record, proposalNode: this.#proposal, lastSeenTime: goTime() }));
  }
}

interface Place {
  readonly session: Session;
  readonly keeper: number;
  readonly record: Record<string, string>;
  readonly proposal: string;
}

/** Go's `Time.String()` with its monotonic tail. */
function goTime(): string {
  const [date, time] = new Date().toISOString().slice(0, -1).split('T');
  return `${date} ${time}456789 +0000 UTC m=+1.952092386`;
}
