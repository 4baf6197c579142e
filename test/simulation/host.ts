import { createElection } from '../../src/zookeeper/election/election.ts';
import type { Election } from '../../src/election/election.ts';
import { RunLedger } from '../../src/ledger/ledger.ts';
import { Supervisor, type SupervisorParts } from '../../src/supervisor/supervisor.ts';
import { WallClock, type VirtualClock, type VirtualProcess } from '../support/virtual-clock.ts';
import { CLOCKS_MS } from './cron.ts';
import { NotStarted, type Commands, type SimulatedCommand } from './command.ts';
import type { Ensemble } from './ensemble.ts';
import { HOURS_MS } from './faults.ts';
import type { Parts } from './parts.ts';
import { FakeSessions } from './sessions.ts';
import type { Setting } from './setting.ts';
import { WatchedElection, type Tenure } from './tenure.ts';
import type { Machine } from './keeper-host.ts';
import type { Trace } from './trace.ts';

export interface Surroundings {
  readonly clock: VirtualClock;
  readonly ensemble: Ensemble;
  readonly commands: Commands;
  readonly trace: Trace;
  readonly setting: Setting;
  readonly parts: Parts;
}

/** How long a service manager waits before it starts ballot again, ms. */
const RESTART_MS = 1_000;

/** One start of ballot on a host. */
class Incarnation {
  readonly process: VirtualProcess;
  readonly sessions: FakeSessions;
  readonly supervisor: Supervisor;
  readonly startedAt: number;
  stopRequestedAt: number | undefined;
  endedAt: number | undefined;
  exitCode: number | undefined;

  constructor(
    world: Surroundings,
    name: string,
    generation: number,
    tenures: Tenure[],
    machine: Machine,
    onCommand: (command: SimulatedCommand) => void,
    rate: number | undefined,
    wall: WallClock | undefined,
  ) {
    const { clock, setting, trace, parts } = world;
    const { random } = clock;
    this.startedAt = clock.time;
    this.process = clock.process({
      rate: rate ?? 1 + random.between(-setting.rates, setting.rates),
      wall: wall ?? random.between(-HOURS_MS, HOURS_MS),
      lateness: random.pick([0, 1, 3]),
    });
    const logger = trace.logger(name);
    this.sessions = new FakeSessions(world.ensemble, name, this.process, setting.sessionTimeout, { machine, logger });
    const election = createElection({
      sessions: parts.sessions?.(this.sessions) ?? this.sessions,
      clock: this.process,
      logger,
      basePath: '/ballot/election',
      candidate: { candidateId: name, hostname: name, pid: String(generation) },
      sessionTimeout: setting.sessionTimeout,
      leaseDuration: setting.leaseDuration,
      stop: { ...setting.plan, mark: () => [] },
      mixedFleet: setting.mixedFleet,
    });
    const watched = new WatchedElection(election, name, this.process, clock, tenures);
    this.supervisor = new Supervisor(
      {
        election: parts.election?.(watched) ?? watched,
        launch: (run) => {
          const command = world.commands.launch(name, this.process, run);
          if (!(command instanceof NotStarted)) onCommand(command);
          return parts.command?.(command) ?? command;
        },
        clock: this.process,
        logger,
        patience: setting.patience,
        candidateId: name,
        ...cronParts(world, name, watched, this.process),
      },
      setting.plan,
    );
  }

  run(clock: VirtualClock, onEnd: () => void): void {
    this.process.deliver(() => {
      void this.supervisor.run().then((exitCode) => {
        this.exitCode = exitCode;
        this.endedAt = clock.time;
        onEnd();
      });
    });
  }
}

/** What `run cron` needs besides. */
function cronParts(
  { setting, trace, parts }: Surroundings,
  name: string,
  election: Election,
  clock: VirtualProcess,
): Pick<SupervisorParts, 'cron'> {
  const { cron, mixedFleet } = setting;
  if (cron === undefined) return {};
  const { text, schedule, catchUp, startDeadline } = cron;
  const service = { schedule: text, timezone: schedule.timezone, candidateId: name, hostname: name };
  const ledger = new RunLedger({ register: election.register('runs'), clock, logger: trace.logger(name), service });
  const rules = { catchUp, startDeadline, mixedFleet };
  return { cron: { schedule, ledger: parts.ledger?.(ledger) ?? ledger, rules } };
}

/** A machine on which ballot runs, is stopped, dies, and is started again. */
export class Host {
  readonly name: string;
  readonly tenures: Tenure[];
  readonly incarnations: Incarnation[] = [];
  readonly #world: Surroundings;
  #commands: SimulatedCommand[] = [];
  /** Ballot is not started here any more. */
  retired = false;
  /** In `run cron`; otherwise each process has some time of its own. */
  readonly wall?: WallClock;

  constructor(world: Surroundings, name: string, tenures: Tenure[]) {
    this.#world = world;
    this.name = name;
    this.tenures = tenures;
    const { clock, setting } = world;
    if (setting.cron === undefined) return;
    this.wall = new WallClock(clock, 0);
    this.setWall(clock.random.between(-1, 1));
  }

  get current(): Incarnation | undefined {
    const latest = this.incarnations.at(-1);
    return latest !== undefined && latest.endedAt === undefined && latest.process.state !== 'killed'
      ? latest
      : undefined;
  }

  /** Sets the wall clock, in `run cron`: `share` of what it may be off, -1 to 1. */
  setWall(share: number): void {
    const { cron } = this.#world.setting;
    if (cron !== undefined) this.#setWall(share * CLOCKS_MS[cron.clocks]);
  }

  /** As right as NTP keeps it. */
  setClockRight(share: number): void {
    this.#setWall(share * CLOCKS_MS.near);
  }

  #setWall(offset: number): void {
    this.wall?.set(offset);
    this.#world.trace.log(this.name, `the wall clock is set: ${offset.toFixed(0)} ms off`);
  }

  /** It holds a lease, or believes so. */
  get leads(): boolean {
    return this.tenures.some((tenure) => tenure.host === this.name && tenure.endedAt === undefined);
  }

  get runsCommand(): boolean {
    return this.#commands.some((command) => command.isAlive);
  }

  /** Something on it besides the supervisor stands still. */
  get isFrozen(): boolean {
    const keepers = this.incarnations.flatMap(({ sessions }) => sessions.keepers);
    return [...keepers, ...this.#commands].some(({ process }) => process.state === 'paused');
  }

  /** `rate`: how fast its monotonic clock runs, where that is not left to chance. */
  start(rate?: number): void {
    if (this.current !== undefined || this.retired) return;
    const { trace, clock } = this.#world;
    trace.log(this.name, 'ballot starts');
    const incarnation = new Incarnation(
      this.#world,
      this.name,
      this.incarnations.length + 1,
      this.tenures,
      {
        find: (runId) => this.#commands.findLast((command) => command.runId === runId),
        released: () => {
          trace.log(this.name, 'the keeper has executed the will, and releases');
          this.#endTenures();
        },
        say: (line) => trace.log(this.name, `its keeper: ${line}`),
      },
      (command) => this.#commands.push(command),
      rate,
      this.wall,
    );
    this.incarnations.push(incarnation);
    incarnation.run(clock, () => {
      trace.log(this.name, `ballot ends with ${incarnation.exitCode}`);
      incarnation.process.kill();
      incarnation.sessions.orphan();
      this.#endTenures();
      // By a policy: the service manager starts it again.
      if (incarnation.stopRequestedAt === undefined) clock.after(RESTART_MS, () => this.start());
    });
  }

  stop(signal: NodeJS.Signals): void {
    const { current } = this;
    if (current === undefined) return;
    this.#world.trace.log(this.name, `${signal} to ballot`);
    current.stopRequestedAt ??= this.#world.clock.time;
    current.process.deliver(() => current.supervisor.requestStop(signal));
  }

  /** The machine dies, with everything on it. */
  crash(): void {
    const { current } = this;
    if (current === undefined) return;
    this.#world.trace.log(this.name, 'the machine dies');
    for (const { process, sessions } of this.incarnations) {
      for (const keeper of sessions.keepers) keeper.vanish();
      process.kill();
    }
    for (const command of this.#commands) command.vanish();
    this.#commands = [];
    this.#endTenures();
  }

  /** SIGKILL to the supervisor: its keeper has the last word. */
  killSupervisor(): void {
    const { current } = this;
    if (current === undefined) return;
    this.#world.trace.log(this.name, 'ballot is killed (SIGKILL)');
    current.process.kill();
    current.sessions.orphan();
    this.#endTenures();
  }

  /** SIGSTOP to the supervisor alone; `whole`: the machine freezes, with keeper and command. */
  pause(whole: boolean): () => void {
    const { current } = this;
    if (current === undefined) return () => undefined;
    this.#world.trace.log(this.name, whole ? 'the machine freezes' : 'ballot is stopped (SIGSTOP)');
    const processes = [current.process];
    if (whole) {
      const keepers = this.incarnations.flatMap(({ sessions }) => sessions.keepers);
      processes.push(...[...this.#commands, ...keepers].map((other) => other.process));
    }
    for (const process of processes) process.pause();
    return () => {
      this.#world.trace.log(this.name, 'goes on');
      for (const process of processes) process.resume();
    };
  }

  #endTenures(): void {
    for (const tenure of this.tenures) if (tenure.host === this.name) tenure.endedAt ??= this.#world.clock.time;
  }
}
