import { systemClock } from '../clock.ts';
import type { CandidateConfig, GlobalConfig, RunConfig } from '../config/config.ts';
import {
  loadAll,
  loadCandidate,
  loadCron,
  loadGlobal,
  loadJoin,
  loadRun,
  loadSchedule,
  type Loaded,
  type LoadInput,
} from '../config/load.ts';
import { joinFields } from '../config/options.ts';
import type { KeeperProcess } from '../keeper/process.ts';
import type { CommandContext, ReportContext, RunContext } from './command-context.ts';
import type { QuestionContext } from './commands/is-leader.ts';
import {
  commonFlags,
  configOutput,
  countFlag,
  fromFlag,
  optionFlag,
  optionFlags,
  orRunFlag,
  quickTimeoutFlag,
  reportOutput,
  scheduleOutput,
  stepDownTimeoutFlag,
  timeoutFlag,
  waitFlag,
  waitLeaderFlag,
  watchOutput,
  type Flag,
} from './flags.ts';
import type { Signals } from './signals.ts';

/** What the command line asks of a command. */
export interface Asked {
  /** Values of the command's own flags (`output`, `timeout`); the last one counts. */
  readonly own: ReadonlyMap<string, string>;
  /** Program and arguments for `run`, verbatim; empty for other commands. */
  readonly command: readonly string[];
  /** The argument of a command that takes one. `undefined`: not given. */
  readonly argument: string | undefined;
}

/** What a command is started with: what it is asked, and what the process around it offers. */
interface Invocation extends Asked {
  readonly input: LoadInput;
  /** For what is started, and for all but the configuration: without secrets. */
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly keeperPath: string;
  /** Hands the keeper over. Whoever calls it owns the keeper from then on. */
  takeKeeper(): KeeperProcess;
  /** Ends the keeper that was forked at the start: nobody needs it. */
  dropKeeper(): void;
  /** For a command that supervises. */
  takeSignals(): Signals;
}

/** A command of `ballot`. */
export interface Command {
  readonly path: readonly string[];
  readonly summary: string;
  /** What follows the path in the usage line. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Whether a command to run follows. */
  readonly takesCommand?: true;
  /** Whether the command may have one argument. Several words count as one, with a space between. */
  readonly takesArgument?: true;
  /** The values that the argument may have, where they can be listed. */
  readonly argumentValues?: readonly string[];
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Loads the code of the command and performs it. Resolves with the exit code. */
  perform(invocation: Invocation): Promise<number>;
}

/** What a flag of the command's own says, or its default. */
function valueOf<T>(flag: Flag<T>, { own }: Invocation): T {
  return flag.kind.parse(own.get(flag.name) ?? flag.default ?? '');
}

/** For every command about elections. Takes the keeper over where the coordinator needs one, else ends it. */
function contextOf<C extends GlobalConfig>(
  loaded: Loaded<C>,
  { takeKeeper, dropKeeper, keeperPath, env }: Invocation,
): CommandContext<C> {
  const needsKeeper = loaded.config.coordinator === 'zookeeper';
  if (!needsKeeper) dropKeeper();
  return { ...loaded, keeper: needsKeeper ? takeKeeper() : undefined, keeperPath, env };
}

function runContext<C extends RunConfig>(loaded: Loaded<C>, invocation: Invocation): RunContext<C> {
  const command = invocation.command as [string, ...string[]];
  return { ...contextOf(loaded, invocation), command, signals: invocation.takeSignals() };
}

function reportContext(loaded: Loaded<GlobalConfig>, invocation: Invocation): ReportContext {
  const asked = { output: valueOf(reportOutput, invocation), timeout: valueOf(timeoutFlag, invocation) };
  return { ...contextOf(loaded, invocation), ...asked };
}

/** For a question about one candidate. */
function questionContext(loaded: Loaded<CandidateConfig>, invocation: Invocation): QuestionContext {
  const { hostname } = invocation.input;
  return { ...contextOf(loaded, invocation), timeout: valueOf(quickTimeoutFlag, invocation), hostname };
}

/** How long `step-down` waits in all, ms, unless told otherwise. */
const STEP_DOWN_WITHIN = { written: 5_000, succeeded: 60_000 } as const;

export const commands: readonly Command[] = [
  {
    path: ['run', 'once'],
    summary: 'become leader and run the command; the policies say what follows its end',
    usage: '[options] -- command [args…]',
    flags: [...optionFlags('global'), ...optionFlags('run')],
    takesCommand: true,
    examples: [
      ['ballot run once -- ./worker --verbose', 'keep one worker running in the whole fleet'],
      [
        'ballot run once --zookeeper-servers zk1,zk2,zk3 --zookeeper-base-path /my/worker -- ./worker',
        'three servers, and an election of its own',
      ],
      [
        'ballot run once --coordinator local --election report -- ./report',
        'on this host alone, without a server: one at a time, the others queue',
      ],
      ['ballot run once --on-child-error rerun -- ./worker', 'after a failure, run it again on the same host'],
      [
        'ballot run once --on-lease-loss stop --lease-duration 1s -- ./worker',
        'never two; a lost host is replaced within about a second',
      ],
    ],
    async perform(invocation) {
      const [{ runOnce }, loaded] = await Promise.all([import('./commands/run.ts'), loadRun(invocation.input)]);
      return runOnce(runContext(loaded, invocation));
    },
  },
  {
    path: ['run', 'cron'],
    summary: 'become leader and run the command at every tick of a schedule',
    usage: '--schedule SPEC [options] -- command [args…]',
    flags: [...optionFlags('cron'), ...optionFlags('global'), ...optionFlags('run')],
    takesCommand: true,
    examples: [
      ["ballot run cron --schedule '30 2 * * *' -- ./backup", 'every night at half past two, on one host of the fleet'],
      [
        "ballot run cron --schedule 'CRON_TZ=Europe/Paris 0 9 * * mon-fri' --catch-up once " +
          '--start-deadline 1h -- ./report',
        'if nobody led at nine, up to an hour later',
      ],
      [
        "ballot run cron --schedule '*/5 * * * *' --on-child-success rerun --on-child-error rerun -- ./sync",
        'the same leader for every tick, as long as it lives',
      ],
    ],
    async perform(invocation) {
      const [{ runCron }, loaded] = await Promise.all([import('./commands/run.ts'), loadCron(invocation.input)]);
      return runCron(runContext(loaded, invocation));
    },
  },
  {
    path: ['join'],
    summary: 'stand as candidate without a command, for is-leader and if-leader to ask about',
    usage: '[options]',
    flags: [waitLeaderFlag, ...optionFlags('global'), ...joinFields.map(optionFlag)],
    examples: [
      ['ballot join', 'as a service on every host: one of them leads'],
      ['ballot join --lease-duration 1s', 'a lost host is replaced within about a second'],
      ['ballot join --wait-leader --election-timeout 5m', 'for scripts: 0 once it has led, 75 after five minutes'],
    ],
    async perform(invocation) {
      const [{ join }, loaded] = await Promise.all([import('./commands/join.ts'), loadJoin(invocation.input)]);
      const waitLeader = valueOf(waitLeaderFlag, invocation);
      return join({ ...contextOf(loaded, invocation), waitLeader, signals: invocation.takeSignals() });
    },
  },
  {
    path: ['info'],
    summary: "the election's leader, all candidates, the lease, the last runs, and notes about each",
    usage: '[options]',
    flags: [reportOutput, timeoutFlag, ...optionFlags('global')],
    examples: [
      ['ballot info', 'as YAML'],
      ['ballot info -o json --zookeeper-base-path /my/worker', 'another election, for scripts'],
    ],
    async perform(invocation) {
      const [{ info }, loaded] = await Promise.all([import('./commands/info.ts'), loadGlobal(invocation.input)]);
      return info(reportContext(loaded, invocation));
    },
  },
  {
    path: ['watch'],
    summary: 'the same, live: a table on a terminal, one line of JSON for each change when piped',
    usage: '[options]',
    flags: [watchOutput, ...optionFlags('global')],
    examples: [
      ['ballot watch', 'until q or Ctrl-C'],
      ["ballot watch -o json | jq --unbuffered -r '.leader.candidateId'", 'who leads, at each change'],
    ],
    async perform(invocation) {
      const [{ watch }, loaded] = await Promise.all([import('./commands/watch.ts'), loadGlobal(invocation.input)]);
      const output = invocation.own.has(watchOutput.name) ? valueOf(watchOutput, invocation) : undefined;
      return watch({ ...contextOf(loaded, invocation), output, signals: invocation.takeSignals() });
    },
  },
  {
    path: ['history'],
    summary: 'the last runs, oldest first: tick (of `run cron`), candidate, start, end, outcome, exit code',
    usage: '[options]',
    flags: [reportOutput, timeoutFlag, ...optionFlags('global')],
    examples: [
      ['ballot history -o table', 'the newest last'],
      ["ballot history -o json | jq '.[-1]'", 'the last run, for scripts'],
    ],
    async perform(invocation) {
      const [{ history }, loaded] = await Promise.all([import('./commands/history.ts'), loadGlobal(invocation.input)]);
      return history(reportContext(loaded, invocation));
    },
  },
  {
    path: ['is-leader'],
    summary: 'exit code 0 when the candidate holds a fresh lease, 1 when not, 69 when that cannot be known',
    usage: '[options]',
    flags: [optionFlag('candidateId'), quickTimeoutFlag, ...optionFlags('global')],
    examples: [
      ['ballot is-leader && ./report', 'about the candidate of this host'],
      ['ballot is-leader --candidate-id vm2 --zookeeper-base-path /my/worker', 'about another one'],
    ],
    async perform(invocation) {
      const [{ isLeader }, loaded] = await Promise.all([
        import('./commands/is-leader.ts'),
        loadCandidate(invocation.input),
      ]);
      return isLeader(questionContext(loaded, invocation));
    },
  },
  {
    path: ['if-leader'],
    summary: 'run the command if the candidate holds a fresh lease, else do nothing: for a line of a crontab',
    usage: '[options] -- command [args…]',
    flags: [optionFlag('candidateId'), orRunFlag, quickTimeoutFlag, ...optionFlags('global')],
    takesCommand: true,
    examples: [
      ['* * * * * ballot if-leader -- ./sync', 'the same line in the crontab of every host'],
      ['ballot if-leader --or-run -- ./sync', 'when ZooKeeper is away, everywhere'],
    ],
    async perform(invocation) {
      const [{ ifLeader }, loaded] = await Promise.all([
        import('./commands/if-leader.ts'),
        loadCandidate(invocation.input),
      ]);
      const { takeSignals } = invocation;
      const command = invocation.command as [string, ...string[]];
      const orRun = valueOf(orRunFlag, invocation);
      return ifLeader({ ...questionContext(loaded, invocation), command, orRun, takeSignals });
    },
  },
  {
    path: ['step-down'],
    summary: 'ask the present leader to stop its command, resign, and go to the end of the queue',
    usage: '[options]',
    flags: [waitFlag, stepDownTimeoutFlag, ...optionFlags('global')],
    examples: [
      ['ballot step-down', 'returns when the request is written'],
      ['ballot step-down --wait --timeout 5m', 'before maintenance of the host that leads'],
    ],
    async perform(invocation) {
      const { own, input } = invocation;
      const [{ stepDown }, loaded] = await Promise.all([import('./commands/step-down.ts'), loadGlobal(input)]);
      const wait = valueOf(waitFlag, invocation);
      const usual = wait ? STEP_DOWN_WITHIN.succeeded : STEP_DOWN_WITHIN.written;
      const timeout = own.has(stepDownTimeoutFlag.name) ? valueOf(stepDownTimeoutFlag, invocation) : usual;
      return stepDown({ ...contextOf(loaded, invocation), wait, timeout });
    },
  },
  {
    path: ['schedule'],
    summary: 'the next ticks of a schedule, without ZooKeeper',
    usage: '[SPEC] [options]',
    flags: [scheduleOutput, countFlag, fromFlag, optionFlag('timezone'), ...optionFlags('global')],
    takesArgument: true,
    examples: [
      ["ballot schedule '30 2 * * mon-fri'", 'in the time zone that is configured, else that of this host'],
      ["ballot schedule 'CRON_TZ=Europe/Paris @daily' -n 3 -o json", 'for scripts'],
      ["ballot schedule '30 2 * * *' --from 2027-03-27T00:00:00Z -n 3", 'the ticks around a change of the clocks'],
      ["ballot schedule 'H H * * *' --zookeeper-base-path /my/worker", 'H depends on the base path of the election'],
      ['ballot schedule', 'the schedule that is configured'],
    ],
    async perform(invocation) {
      const { own, input, argument: given } = invocation;
      const [{ showSchedule }, { config, warnings }] = await Promise.all([
        import('./commands/schedule.ts'),
        loadSchedule(input, given === undefined ? 'configured' : 'given'),
      ]);
      const [count, output] = [valueOf(countFlag, invocation), valueOf(scheduleOutput, invocation)];
      const now = own.has(fromFlag.name) ? valueOf(fromFlag, invocation) : systemClock.wall();
      return showSchedule({ given, config, warnings, count, output, now });
    },
  },
  {
    path: ['config'],
    summary: 'the configuration that counts and, for each key, what set it',
    usage: '[options]',
    flags: [configOutput, ...optionFlags('global'), ...optionFlags('run'), ...optionFlags('cron')],
    examples: [
      ['ballot config', 'as YAML, the sources as comments'],
      ['ballot config -o json --log-level debug', 'what a flag would change'],
    ],
    async perform(invocation) {
      const [{ showConfig }, loaded] = await Promise.all([import('./commands/config.ts'), loadAll(invocation.input)]);
      return showConfig(loaded, valueOf(configOutput, invocation));
    },
  },
  {
    path: ['completion'],
    summary: 'a script for bash or zsh that completes command lines of ballot',
    usage: '[bash|zsh]',
    flags: [],
    takesArgument: true,
    argumentValues: ['bash', 'zsh'],
    examples: [
      ['source <(ballot completion bash)', 'in ~/.bashrc'],
      ['source <(ballot completion zsh)', 'in ~/.zshrc, after compinit'],
      ['ballot completion bash > /etc/bash_completion.d/ballot', 'for everybody; again after an upgrade'],
    ],
    async perform({ input, argument: shell, version }) {
      const { completion } = await import('./commands/completion.ts');
      return completion({ shell, ownShell: input.env['SHELL'], commands, commonFlags, version });
    },
  },
];
