import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import type { Observer } from '../../src/election/observer.ts';
import type { Standings } from '../../src/election/standings.ts';
import { createLocalElection } from '../../src/local/election.ts';
import { folderOf } from '../../src/local/folder.ts';
import { flock, type LockRequest, type Locks } from '../../src/local/lock.ts';
import { observe } from '../../src/local/observer.ts';
import { identityOf } from '../../src/local/processes.ts';
import { localStandings } from '../../src/local/standings.ts';
import { silentLogger } from '../support/silent-logger.ts';
import type { Candidate, CandidateOptions, Coordinator } from './coordinator.ts';
import { FreezableClock } from './hosts.ts';

const LEASE_MS = 1200;
const ELECTION = 'contract';

/**
 * The part of a host that one candidate is: a process that stands for it, and what the kernel would take from it with
 * that process.
 */
class Mortal {
  readonly clock = new FreezableClock();
  readonly process: ChildProcess = spawn('sleep', ['infinity'], { stdio: 'ignore' });
  readonly #requests: LockRequest[] = [];
  isDead = false;

  readonly locks: Locks = (path, place) => {
    const request = flock(path, place);
    this.#requests.push(request);
    const granted = new Promise<void>((resolve, reject) => {
      request.granted.then(
        () => this.isDead || resolve(),
        (error: unknown) => this.isDead || reject(error as Error),
      );
    });
    return {
      descriptor: request.descriptor,
      file: request.file,
      granted,
      isInLine: () => request.isInLine(),
      isInPlace: () => request.isInPlace(),
      close: () => this.isDead || request.close(),
    };
  };

  /** Whatever it still does is done to nothing. */
  async die(): Promise<void> {
    if (this.isDead) return;
    this.isDead = true;
    this.clock.freeze();
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    for (const request of this.#requests) request.close();
    await gone;
  }
}

/** This host as a coordinator: real files, the kernel's locks. */
export class LocalCoordinator implements Coordinator {
  readonly leaseDuration = LEASE_MS;
  readonly isVirtual = false;
  readonly #mortals = new Map<Candidate, Mortal>();
  #stateDir = mkdtempSync(join(tmpdir(), 'ballot-local-'));

  candidate(id: string, { leaseDuration = LEASE_MS, onLeaseLoss = 'keep' }: CandidateOptions = {}): Promise<Candidate> {
    const mortal = new Mortal();
    const { clock } = mortal;
    const election = createLocalElection({
      clock,
      logger: silentLogger,
      stateDir: this.#stateDir,
      election: ELECTION,
      candidate: { candidateId: id, hostname: 'here' },
      stop: { onLeaseLoss, stopSignal: 'SIGTERM', killAfter: 10_000, mark: () => [] },
      traces: () => [],
      forkKeeper: () => {
        throw new Error('nothing runs here');
      },
      leaseDuration,
      locks: mortal.locks,
      process: identityOf(mortal.process.pid as number),
    });
    const candidate = { id, election, clock, onLeaseLoss };
    this.#mortals.set(candidate, mortal);
    return Promise.resolve(candidate);
  }

  kill(candidate: Candidate): void {
    void this.#mortals.get(candidate)?.die();
  }

  standings(): Promise<Standings> {
    return Promise.resolve(localStandings(folderOf(this.#stateDir, ELECTION)));
  }

  observer(signal: AbortSignal): Promise<Observer> {
    return Promise.resolve(observe(folderOf(this.#stateDir, ELECTION), systemClock, signal));
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async pass(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms);
    else await turn();
  }

  /** In turns of the event loop: the whole campaign takes two milliseconds. */
  async moment(index: number): Promise<void> {
    for (let turns = 2 ** index - 1; turns > 0; turns -= 1) await turn();
  }

  async reset(): Promise<void> {
    await Promise.all(
      [...this.#mortals].map(async ([{ election }, mortal]) => {
        if (!mortal.isDead) await election.close(500);
        await mortal.die();
      }),
    );
    this.#mortals.clear();
    rmSync(this.#stateDir, { recursive: true, force: true });
    this.#stateDir = mkdtempSync(join(tmpdir(), 'ballot-local-'));
  }

  close(): Promise<void> {
    rmSync(this.#stateDir, { recursive: true, force: true });
    return Promise.resolve();
  }
}
