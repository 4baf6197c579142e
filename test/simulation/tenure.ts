import type { CampaignOptions, LiveRun, Election, Term } from '../../src/election/election.ts';
import type { Register } from '../../src/election/register.ts';
import type { VirtualClock, VirtualProcess } from '../support/virtual-clock.ts';

/** A term as one candidate believed in it. */
export interface Tenure {
  readonly host: string;
  readonly token: number;
  readonly electedAt: number;
  /**
   * At some true time: until when the candidate might act as leader, which is the deadline it knew of less the margin
   * kept before it.
   */
  validAt(at: number): number;
  /** When it stopped believing: resigned, lost, or dead. */
  endedAt: number | undefined;
}

/**
 * What has to be left between the end of a command and the end of its lease; by the protocol, whatever the code says.
 */
const margin = (leaseDuration: number): number => Math.max(100, 0.05 * leaseDuration);

/** Notes what each term was believed to be. */
export class WatchedElection implements Election {
  readonly #election: Election;
  readonly #host: string;
  readonly #process: VirtualProcess;
  readonly #clock: VirtualClock;
  readonly #tenures: Tenure[];

  constructor(election: Election, host: string, process: VirtualProcess, clock: VirtualClock, tenures: Tenure[]) {
    this.#election = election;
    this.#host = host;
    this.#process = process;
    this.#clock = clock;
    this.#tenures = tenures;
  }

  async campaign(options: CampaignOptions): Promise<Term> {
    const term = await this.#election.campaign(options);
    const until = (deadline: number): number => this.#process.trueTime(deadline - margin(term.leaseDuration));
    const renewals = [{ at: this.#clock.time, until: until(term.deadline) }];
    const tenure: Tenure = {
      host: this.#host,
      token: term.fencingToken,
      electedAt: this.#clock.time,
      validAt: (at) => renewals.findLast((renewal) => renewal.at <= at)?.until ?? 0,
      endedAt: undefined,
    };
    this.#tenures.push(tenure);
    return {
      fencingToken: term.fencingToken,
      succession: term.succession,
      leaseDuration: term.leaseDuration,
      heartbeat: term.heartbeat,
      get deadline() {
        return term.deadline;
      },
      get safeUntil() {
        return term.safeUntil;
      },
      subscribe: (listener) =>
        term.subscribe((event) => {
          if (event.kind === 'renewed') renewals.push({ at: this.#clock.time, until: until(event.deadline) });
          if (event.kind === 'lost') tenure.endedAt ??= this.#clock.time;
          listener(event);
        }),
      renew: () => term.renew(),
      resign: ({ first, orStay = false, within } = {}) => {
        const end = (): void => void (tenure.endedAt ??= this.#clock.time);
        if (!orStay) end();
        const handOver = async (): Promise<boolean> => {
          const done = (await first?.()) ?? true;
          if (done) end();
          return done;
        };
        return term.resign({ first: first && handOver, orStay, within });
      },
    };
  }

  get outlook(): string {
    return this.#election.outlook;
  }

  setRuns(runs: readonly LiveRun[]): void {
    this.#election.setRuns(runs);
  }

  register(name: string): Register {
    return this.#election.register(name);
  }

  close(timeout: number): Promise<void> {
    return this.#election.close(timeout);
  }
}
