import yargs, { type Argv } from 'yargs';
import { commands, type Command } from './commands.ts';
import type { Flag } from './flags.ts';

/** Columns of the help: the terminal's, within what reads well. */
const columns = (): number => Math.min(Math.max(process.stdout.columns ?? 100, 60), 120);

/** The heading of flags that are no keys of the configuration. */
const OWN = 'Options:';

const FILES =
  'Options may also stand in /etc/ballot/ballot.{yaml,json}, ~/.config/ballot/ballot.{yaml,json} and ' +
  './ballot.{yaml,json} (key: kill-after), and in the environment (variable: BALLOT_KILL_AFTER). ' +
  'Later ones win: defaults, these files, the environment, flags.';

/** The help of the command that the words name, or of ballot itself. */
export async function describeCommands(words: readonly string[], version: string): Promise<string> {
  const program = yargs([])
    .scriptName('ballot')
    // The words of the contract are English; guessing the locale would also read a file.
    .detectLocale(false)
    .wrap(columns())
    .exitProcess(false)
    .help(false)
    .version(false);
  const command = commands.find(({ path }) => path.every((word, i) => words[i] === word));
  if (command === undefined) describeProgram(program, words, version);
  else describeCommand(program, command);
  addFlags(program, [
    { name: 'help', alias: 'h', help: 'show this help' },
    { name: 'version', help: 'show the version' },
  ]);
  return `${await program.getHelp()}\n`;
}

function describeProgram(program: Argv, words: readonly string[], version: string): void {
  const within = commands.filter(({ path }) => path[0] === words[0]);
  const listed = within.length > 0 ? within : commands;
  program.usage(
    `ballot ${version}: runs one command on at most one of several hosts at a time\n\nUsage: $0 <command> [options]`,
  );
  for (const { path, usage, summary } of listed)
    program.command(`$0 ${path.join(' ')} ${usage}`.replace('$0 ', ''), summary);
  for (const { examples } of listed) for (const [line, what] of examples.slice(0, 1)) program.example(line, what);
  addFlags(program, flagsOf(within));
  program.epilogue(`${within.length > 0 ? `${FILES}\n\n` : ''}ballot <command> --help shows the options of a command.`);
}

/** The flags of several commands, each once; those that not all of them have stand under the names of those that do. */
function flagsOf(within: readonly Command[]): Shown[] {
  const all = new Map(within.flatMap(({ flags }) => flags).map((flag) => [flag.name, flag]));
  return [...all.values()].map((flag) => {
    const owners = within.filter(({ flags }) => flags.some(({ name }) => name === flag.name));
    if (owners.length === within.length) return flag;
    const names = owners.map(({ path }) => `ballot ${path.join(' ')}`).join(', ');
    return { ...flag, group: `${(flag.group ?? OWN).replace(/:$/, '')} of ${names}:` };
  });
}

function describeCommand(program: Argv, { path, usage, summary, flags, examples }: Command): void {
  program.usage(`Usage: $0 ${path.join(' ')} ${usage}\n\n${summary}`);
  addFlags(program, flags);
  for (const [line, what] of examples) program.example(line, what);
  program.epilogue(FILES);
}

type Shown = Pick<Flag, 'name' | 'help'> & Partial<Omit<Flag, 'group'>> & { readonly group?: string };

function addFlags(program: Argv, flags: readonly Shown[]): void {
  for (const { name, alias, kind, help, default: value, group = OWN } of flags) {
    program.option(name, {
      group,
      describe: kind?.placeholder === 'DURATION' ? `${help} (${kind.allowed})` : help,
      ...(alias === undefined ? {} : { alias }),
      ...(value === undefined ? {} : { defaultDescription: value }),
      ...(kind?.schema['enum'] === undefined ? {} : { choices: kind.schema['enum'] as string[] }),
      ...(kind === undefined ? { type: 'boolean' as const } : {}),
    });
  }
}
