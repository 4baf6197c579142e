import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { ballotPath, Candidate, Journal, type CandidateOptions } from './candidate.ts';

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
  readonly #candidates: Candidate[] = [];

  /** Everybody who was started here. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  constructor(servers: string, basePath = `/stage-${randomUUID()}`) {
    this.#servers = servers;
    this.basePath = basePath;
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
      servers: this.#servers,
      basePath: this.basePath,
      command: this.journal.command(script, traps),
      flags: { 'zookeeper-session-timeout': '4s', ...flags },
      ...options,
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

  /** `ballot info -o json`. */
  async info(): Promise<InfoReport> {
    return (await this.#ask('info')) as InfoReport;
  }

  /** `ballot history -o json`. */
  history(): Promise<unknown> {
    return this.#ask('history');
  }

  async #ask(question: 'info' | 'history'): Promise<unknown> {
    const args = [
      question,
      '-o',
      'json',
      `--zookeeper-servers=${this.#servers}`,
      `--zookeeper-base-path=${this.basePath}`,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, [ballotPath, ...args], {
      cwd: this.journal.folder,
      env: { PATH: process.env['PATH'], HOME: this.journal.folder },
    });
    return JSON.parse(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using journal = this.journal;
    await Promise.all(this.#candidates.map((candidate) => candidate[Symbol.asyncDispose]()));
    if (journal.overlaps().length > 0 && !this.overlapsAllowed)
      throw new Error(`two commands at once:\n${readFileSync(journal.path, 'utf8')}`);
  }
}

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
