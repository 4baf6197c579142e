import { hostname } from 'node:os';
import { faultOf } from '../config/kinds.ts';
import { didYouMean } from '../config/nearest.ts';
import { configFolders } from '../config/files.ts';
import { ExitCode, UsageError } from '../errors.ts';
import type { KeeperProcess } from '../keeper/process.ts';
import { readArguments, type Arguments } from './arguments.ts';
import { refuseBrokenArguments } from './bytes.ts';
import { commands, type Asked, type Command } from './commands.ts';
import { failure } from './failure.ts';
import { commonFlags } from './flags.ts';
import { print } from './report/print.ts';
import type { Signals } from './signals.ts';

/** What the process around the program offers. */
export interface Surroundings {
  /** The arguments after the program's own name. */
  readonly argv: readonly string[];
  readonly version: string;
  /** Variables of the environment that were taken out of it: for the configuration alone. */
  readonly secrets: NodeJS.ProcessEnv;
  readonly keeperPath: string;
  takeKeeper(): KeeperProcess;
  dropKeeper(): void;
  takeSignals(): Signals;
}

/** Performs what the arguments say, and tells stderr what went wrong. Resolves with the exit code; never rejects. */
export async function runProgram(surroundings: Surroundings): Promise<number> {
  try {
    return await perform(surroundings);
  } catch (error) {
    const { argv, version } = surroundings;
    const { text, exitCode } = failure(error, { debug: wantsDebug(argv), version, argv });
    process.stderr.write(text);
    return exitCode;
  }
}

function read(argv: readonly string[]): Arguments {
  return readArguments(argv, [...commonFlags, ...commands.flatMap(({ flags }) => flags)], (words) => {
    const command = commandOf(words);
    return command?.takesCommand === true && words.length > command.path.length;
  });
}

/** The command whose path the words begin with. */
function commandOf(words: readonly string[]): Command | undefined {
  return commands.find(({ path }) => path.every((word, i) => words[i] === word));
}

/** Before the configuration is known, or when it cannot be: does the user want to see stacks? */
function wantsDebug(argv: readonly string[]): boolean {
  const flag = read(argv).flags.get('debug')?.at(-1);
  const wish = flag ?? (process.env['BALLOT_DEBUG'] || process.env['DEBUG'] || '');
  return /^(1|t|true)$/i.test(wish);
}

async function perform(surroundings: Surroundings): Promise<number> {
  const { argv, version, secrets, takeKeeper, dropKeeper, takeSignals, keeperPath } = surroundings;
  refuseBrokenArguments(argv);
  const args = read(argv);
  if (asks(args, 'version')) return show(`${version}\n`, ExitCode.ok);
  if (asks(args, 'help')) return show(await help(args.words, version), ExitCode.ok);
  if (args.words.length === 0 && args.rest === undefined && args.problems.length === 0)
    return show(await help([], version), ExitCode.usage);
  const [command, asked] = understand(args);
  const cwd = workingDirectory();
  return command.perform({
    ...asked,
    input: {
      flags: args.flags,
      env: { ...process.env, ...secrets },
      cwd,
      folders: configFolders(process.env, cwd),
      hostname: hostname(),
    },
    env: process.env,
    version,
    keeperPath,
    takeKeeper,
    dropKeeper,
    takeSignals,
  });
}

/** `undefined`: it has been deleted. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function asks({ flags }: Arguments, name: string): boolean {
  return flags.get(name)?.at(-1) === 'true';
}

async function help(words: readonly string[], version: string): Promise<string> {
  const { describeCommands } = await import('./help.ts');
  return describeCommands(words, version);
}

async function show(text: string, exitCode: number): Promise<number> {
  await print(text);
  return exitCode;
}

/** What the arguments ask for, and of which command. Throws UsageError with every problem. */
function understand(args: Arguments): [Command, Asked] {
  const command = commandOf(args.words);
  if (command === undefined) throw new UsageError([...args.problems, unknownCommand(args.words)].join('\n'), HINT);
  const name = `ballot ${command.path.join(' ')}`;
  const problems = [...args.problems];
  const extra = args.words.slice(command.path.length);
  const toRun = command.takesCommand ? [...extra, ...(args.rest ?? [])] : [];

  if (!command.takesCommand) {
    for (const word of command.takesArgument ? [] : extra)
      problems.push(`${name} takes no argument ${JSON.stringify(word)}`);
    if (args.rest !== undefined) problems.push(`${name} takes no command after --`);
  } else if (extra.length > 0 && args.rest !== undefined) {
    problems.push(`${extra.join(' ')} stands before --: put the whole command after it`);
  } else if (toRun.length === 0 && problems.length === 0) {
    problems.push(`${name} needs a command to run: ${name} [options] -- command [args…]`);
  } else if (toRun[0] === '') {
    problems.push('the command to run is an empty word');
  }

  const argument = command.takesArgument && extra.length > 0 ? extra.join(' ') : undefined;
  const own = new Map<string, string>();
  for (const [flag, values] of args.flags) {
    const known = [...command.flags, ...commonFlags].find((candidate) => candidate.name === flag);
    if (known === undefined) problems.push(`${name} has no flag --${flag}: it belongs to ${owners(flag)}`);
    // Others are keys of the configuration, which judges them.
    if (known === undefined || known.group !== undefined) continue;
    const value = values.at(-1) ?? '';
    const fault = faultOf(known.kind, value);
    if (fault !== undefined) problems.push(`flag --${flag}: ${JSON.stringify(value)}: ${fault}`);
    own.set(flag, value);
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'), { hint: `${name} --help shows what there is` });
  return [command, { own, command: toRun, argument }];
}

/** The commands that have this flag, those that run something first: `ballot config` has every key. */
function owners(flag: string): string {
  const all = commands.filter(({ flags }) => flags.some(({ name }) => name === flag));
  const running = all.filter(({ takesCommand }) => takesCommand);
  return (running.length > 0 ? running : all).map(({ path }) => `ballot ${path.join(' ')}`).join(', ');
}

const HINT = { hint: 'ballot --help shows what there is' };

function unknownCommand(words: readonly string[]): string {
  const [first, second] = words;
  const names = new Set(commands.map(({ path }) => path[0] ?? ''));
  if (first === undefined) return 'no command of ballot is named';
  if (!names.has(first)) return `unknown command ${first}${didYouMean(first, names, (name) => `ballot ${name}`)}`;
  const ways = commands.filter(({ path }) => path[0] === first).map(({ path }) => path.slice(1).join(' '));
  const wanted = `ballot ${first} needs to be told how: ${ways.map((way) => `ballot ${first} ${way}`).join(', ')}`;
  return second === undefined
    ? wanted
    : `unknown command ${first} ${second}${didYouMean(second, ways, (way) => `ballot ${first} ${way}`)}; ${wanted}`;
}
