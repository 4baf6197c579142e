/** `ballot run once` and `ballot run cron`: put the parts together, and turn signals into requests. */
import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import { launch } from '../../command/launch.ts';
import { preparePipes } from '../../command/pipes.ts';
import { RunCgroups } from '../../command/run-cgroups.ts';
import { systemClock } from '../../clock.ts';
import type { CronConfig, RunConfig } from '../../config/config.ts';
import type { Election } from '../../election/election.ts';
import type { Logger } from '../../log/logger.ts';
import type { ParsedSchedule } from '../../cron/expression.ts';
import { RunDiary } from '../../ledger/diary.ts';
import { RunLedger } from '../../ledger/ledger.ts';
import { Supervisor, type SupervisorParts } from '../../supervisor/supervisor.ts';
import { nextTurn } from '../../waiting.ts';
import { formatInstant, LEDGER } from '../../ledger/record.ts';
import { variablesOfBytes } from '../bytes.ts';
import { candidateLogger, FLUSH_WITHIN_MS, tellConfiguration, whereOf } from '../candidate-log.ts';
import type { RunContext } from '../command-context.ts';
import { commandEnvironment, refuseOwnElection } from '../environment.ts';
import { tellOfSupervisor } from '../service.ts';
import { closeStrayDebugger } from '../signals.ts';

/**
 * Stands for election and supervises the command. Resolves with ballot's exit code. Throws ConfigurationError when it
 * was started by the command of the very election it is to stand in: it would wait for itself.
 */
export function runOnce(context: RunContext): Promise<number> {
  return supervise(context);
}

/** Stands for election and, as leader, runs the command at every tick of the schedule. Otherwise as `runOnce`. */
export async function runCron(context: RunContext<CronConfig>): Promise<number> {
  const { parseSchedule } = await import('../../cron/expression.ts');
  const { schedule, timezone, zookeeperBasePath: seed } = context.config;
  return supervise(context, parseSchedule(schedule, { timezone, seed }));
}

/** Says what is going to be served, so that a wrong zone is seen before its first tick is missed. */
function announce({ schedule, record, zoneFrom }: ParsedSchedule, logger: Logger): void {
  const next = schedule.next(systemClock.wall());
  logger.info('the schedule to serve', {
    ...record,
    from: zoneFrom,
    next: next === undefined ? 'never' : formatInstant(next),
  });
}

async function supervise(context: RunContext, served?: ParsedSchedule): Promise<number> {
  const { config } = context;
  // To read the environment itself takes a good part of what a handover may.
  const env = { ...context.env };
  refuseOwnElection(config, env);
  const bytes = variablesOfBytes(env);
  const overlapping = served !== undefined && config.concurrency === 'allow';
  const logger = candidateLogger(config, env, config.logRunId || overlapping);
  tellConfiguration(context, logger);
  for (const variable of bytes.keys())
    logger.info('a variable is not UTF-8: /bin/sh passes it on as it is, and then becomes the command', { variable });
  const cgroups = new RunCgroups(logger);
  const { election, inherits, name } = await coordinatorOf(context, logger, served);
  const supervisor = new Supervisor(
    {
      ...ledgerParts(config, election, logger, served),
      launch: (run) =>
        launch(
          {
            command: context.command,
            env: commandEnvironment(config, env, run),
            bytes,
            wrap: config.wrapChildLogs,
            inherits: inherits(),
            cgroups,
            report: (message, fields) => logger.error(message, { runId: run.runId, ...fields }),
          },
          logger.outputOf(run.runId),
          systemClock,
        ),
      clock: systemClock,
      logger,
      patience: config.zookeeperSessionTimeout,
      candidateId: config.candidateId,
    },
    { ...config, cron: served && { concurrency: config.concurrency } },
  );
  const resizes = writesToTerminal(config);
  context.signals.answerWith({
    onHangup: config.onHangup,
    stop: (signal) => supervisor.requestStop(signal),
    passOn: (signal) => {
      if (signal !== 'SIGWINCH' || resizes) supervisor.passOn(signal);
    },
  });
  logger.info('standing for election', whereOf(config));
  const manager = tellOfSupervisor(supervisor, { env, logger, election, name });
  const over = supervisor.run();
  await prepareMeanwhile(config);
  const exitCode = await over;
  await manager?.close();
  await cgroups.close(systemClock);
  logger.info('ballot ends', { exitCode });
  await logger.flush(FLUSH_WITHIN_MS);
  return exitCode;
}

/** While the coordinator is asked, which goes first: the command cannot start before it has answered. */
async function prepareMeanwhile({ wrapChildLogs }: RunContext['config']): Promise<void> {
  await nextTurn();
  if (wrapChildLogs) void preparePipes();
  void closeStrayDebugger();
  await keepBytecode();
}

/**
 * V8 throws away the bytecode of functions that were not called for a while, such as all that a handover needs, and
 * would compile them again when every millisecond counts (measured with five candidates: 13.4 ms a handover with,
 * 11.4 ms without).
 */
async function keepBytecode(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--no-flush-bytecode');
}

/** The election, its name for people, and the descriptor that a command of the present term has to inherit. */
interface Held {
  readonly election: Election;
  readonly name: string;
  readonly inherits: () => number | undefined;
}

/** Loads one coordinator alone: start-up waits for it. */
async function coordinatorOf(context: RunContext, logger: Logger, served: ParsedSchedule | undefined): Promise<Held> {
  const { config } = context;
  if (config.coordinator === 'zookeeper') {
    const { zookeeperElection } = await import('../zookeeper.ts');
    const election = zookeeperElection(context, logger, served?.record);
    return { election, name: config.zookeeperBasePath, inherits: () => undefined };
  }
  const { localElection } = await import('../local.ts');
  const { election, name } = localElection(context, logger, served?.record);
  return { election, name, inherits: () => election.descriptor };
}

/** The election, and where its runs are written down: with a schedule before they start. */
function ledgerParts(
  { candidateId, coordinator, catchUp, startDeadline, mixedFleet }: RunConfig,
  election: Election,
  logger: Logger,
  served: ParsedSchedule | undefined,
): Pick<SupervisorParts, 'election' | 'cron' | 'diary'> {
  const parts = { register: election.register(LEDGER, served ? 'decisions' : 'notes'), clock: systemClock, logger };
  if (served === undefined) return { election, diary: new RunDiary(parts) };
  announce(served, logger);
  const service = { ...served.record, candidateId, hostname: hostname() };
  const ledger = new RunLedger({ ...parts, service });
  const rules = { catchUp, startDeadline, mixedFleet };
  // The next leader on this host reads the same disk: what is not written would be started again.
  const unrecordedTicks = coordinator === 'local' ? 'skip' : 'start';
  return { election, cron: { schedule: served.schedule, ledger, rules, unrecordedTicks } };
}

/** Whether the command writes to ballot's terminal. Without one SIGWINCH may mean something else: Apache ends. */
function writesToTerminal({ wrapChildLogs }: RunConfig): boolean {
  return !wrapChildLogs && (isatty(1) || isatty(2));
}
