import type { Outcome, RunningCommand } from '../../src/command/launch.ts';
import type { ProcessName } from '../../src/command/proc.ts';
import type { Run } from '../../src/election/election.ts';
import type { Random } from '../support/random.ts';
import type { VirtualClock, VirtualProcess } from '../support/virtual-clock.ts';

/** How the commands of a history behave; each run draws its own way within it. */
export interface CommandHabits {
  /** How long a run takes by itself, ms: from the first to the second. `Infinity` for a service that never ends. */
  readonly lasts: readonly [number, number];
  /** Share of runs that end with another exit code than 0. */
  readonly fails: number;
  /** Share of runs that take no notice of anything but SIGKILL. */
  readonly stubborn: number;
  /** How long the others take to end after a signal, at most, ms. */
  readonly stopsWithin: number;
  /** Share of runs whose leader ends before the rest of its process group. */
  readonly leavesBehind: number;
  /** Share of runs that cannot be started. */
  readonly missing: number;
}

/** A run as it really was, whoever knew of it. */
export interface SimulatedRun extends Run {
  readonly host: string;
  readonly startedAt: number;
  /** When the last of its process group was dead. */
  endedAt: number | undefined;
  /** How its leader ended. */
  outcome: Outcome | undefined;
}

/** That a supervisor started a run, or tried to. */
export interface Launch extends Run {
  readonly host: string;
  readonly at: number;
  /** The supervisor. */
  readonly parent: VirtualProcess;
  /** `undefined`: it could not be started. */
  readonly run: SimulatedRun | undefined;
}

/** How long a SIGKILL takes to be the end of a process group, and how late the supervisor sees it, ms. */
const KILL_MS = [0.2, 4] as const;
const SEEN_MS = [0.1, 2] as const;

/** Starts process groups that exist in virtual time alone. */
export class Commands {
  readonly runs: SimulatedRun[] = [];
  readonly launches: Launch[] = [];
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #habits: CommandHabits;
  readonly #log: (who: string, what: string) => void;

  constructor(clock: VirtualClock, habits: CommandHabits, log: (who: string, what: string) => void) {
    this.#clock = clock;
    this.#random = clock.random.fork();
    this.#habits = habits;
    this.#log = log;
  }

  get alive(): SimulatedRun[] {
    return this.runs.filter((run) => run.endedAt === undefined);
  }

  /** Starts one, as told by the supervisor that runs in `parent`. */
  launch(host: string, parent: VirtualProcess, identity: Run): SimulatedCommand | NotStarted {
    const random = this.#random;
    const launch = { ...identity, host, at: this.#clock.time, parent };
    if (random.chance(this.#habits.missing)) {
      this.launches.push({ ...launch, run: undefined });
      this.#log(host, `run ${identity.runId} cannot be started`);
      return new NotStarted();
    }
    const times = { startedAt: this.#clock.time, endedAt: undefined, outcome: undefined };
    const run: SimulatedRun = { ...identity, host, ...times };
    this.runs.push(run);
    this.launches.push({ ...launch, run });
    this.#log(host, `run ${identity.runId} starts`);
    return new SimulatedCommand(this.#clock, random, this.#habits, parent, run, this.#log, this.runs.length);
  }
}

/** A command that could not be started. */
export class NotStarted implements RunningCommand {
  readonly pid = undefined;
  readonly group = undefined;
  readonly exited: Promise<Outcome> = Promise.resolve({ kind: 'notStarted', code: 127, message: 'no such file' });
  readonly gone = this.exited.then(() => undefined);
  readonly drained = Promise.resolve();

  signal(): void {}

  followers(): [] {
    return [];
  }
}

/** One process group. */
export class SimulatedCommand implements RunningCommand {
  readonly pid: number;
  readonly group = undefined;
  readonly exited: Promise<Outcome>;
  readonly gone: Promise<void>;
  readonly drained = Promise.resolve();
  readonly process: VirtualProcess;
  readonly #random: Random;
  readonly #parent: VirtualProcess;
  readonly #run: SimulatedRun;
  readonly #clock: VirtualClock;
  readonly #log: (who: string, what: string) => void;
  readonly #stubborn: boolean;
  readonly #stopsIn: number;
  readonly #leavesBehind: boolean;
  #leaderEnded = false;
  #resolveExited: (outcome: Outcome) => void = () => undefined;
  #resolveGone: () => void = () => undefined;

  constructor(
    clock: VirtualClock,
    random: Random,
    habits: CommandHabits,
    parent: VirtualProcess,
    run: SimulatedRun,
    log: (who: string, what: string) => void,
    pid: number,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#parent = parent;
    this.#run = run;
    this.#log = log;
    this.pid = pid;
    this.process = clock.process({ runsPromises: false });
    this.exited = new Promise((resolve) => (this.#resolveExited = resolve));
    this.gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#stubborn = random.chance(habits.stubborn);
    this.#stopsIn = random.between(0, habits.stopsWithin);
    this.#leavesBehind = random.chance(habits.leavesBehind);
    const [least, most] = habits.lasts;
    const lasts = least === Infinity ? Infinity : random.between(least, most);
    const failure = random.whole(1, 255);
    // 70 would look like a bug of ballot's own.
    const code = random.chance(habits.fails) && failure !== 70 ? failure : 0;
    if (lasts !== Infinity) this.#in(lasts, () => this.#endLeader({ kind: 'exited', code }));
  }

  get runId(): string {
    return this.#run.runId;
  }

  get isAlive(): boolean {
    return this.#run.endedAt === undefined;
  }

  get leaderLives(): boolean {
    return this.isAlive && !this.#leaderEnded;
  }

  signal(signal: NodeJS.Signals): void {
    // Nothing is stopped here that could go on.
    if (this.#run.endedAt !== undefined || signal === 'SIGCONT') return;
    this.#log(this.#run.host, `${signal} to run ${this.#run.runId}`);
    if (signal === 'SIGKILL') {
      // Nothing holds SIGKILL up, not even SIGSTOP; a frozen machine does.
      this.#in(this.#random.between(...KILL_MS), () => {
        this.#endLeader({ kind: 'signalled', signal });
        this.#endGroup();
      });
    } else if (!this.#stubborn) {
      this.#in(this.#stopsIn, () => {
        this.#endLeader({ kind: 'signalled', signal });
        if (!this.#leavesBehind) this.#endGroup();
      });
    }
  }

  followers(): ProcessName[] {
    return this.#leaderEnded && this.isAlive ? [{ pid: this.pid + 1, name: 'left' }] : [];
  }

  /** The machine is gone, and everything on it. */
  vanish(): void {
    this.process.kill();
    this.#run.endedAt ??= this.#clock.time;
  }

  #endLeader(outcome: Outcome): void {
    if (this.#leaderEnded) return;
    this.#leaderEnded = true;
    this.#run.outcome = outcome;
    this.#tell(() => this.#resolveExited(outcome));
    if (!this.#leavesBehind) this.#endGroup();
  }

  #endGroup(): void {
    if (this.#run.endedAt !== undefined) return;
    this.#run.endedAt = this.#clock.time;
    this.#log(this.#run.host, `run ${this.#run.runId} is gone`);
    this.#tell(() => this.#resolveGone());
  }

  #in(delay: number, callback: () => void): void {
    this.process.at(this.process.now() + delay, () => {
      if (this.#run.endedAt === undefined) callback();
    });
  }

  #tell(callback: () => void): void {
    this.#clock.after(this.#random.between(...SEEN_MS), () => this.#parent.deliver(callback));
  }
}
