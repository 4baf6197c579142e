/** What a shell has to know to complete a command line of ballot: made of the table that `--help` is made of. */
import type { Flag } from '../flags.ts';

/** A command, as far as completion looks at it. */
export interface Completed {
  readonly path: readonly string[];
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly takesCommand?: true;
  /** The values that its argument may have, where they can be listed. */
  readonly argumentValues?: readonly string[];
}

/** A word that can be offered, and what it means. */
export interface Word {
  readonly word: string;
  readonly help: string;
}

/** What may be typed after a flag: one of some words, or a path. */
export type Values = readonly string[] | 'files' | 'folders';

export interface Table {
  /** What may follow the words of a command that is not complete; `words` is empty for ballot itself. */
  readonly next: readonly { readonly words: string; readonly offered: readonly Word[] }[];
  /** The flags after these words. Those of `run`, say, are the flags of all commands that begin with it. */
  readonly flags: readonly { readonly words: string; readonly offered: readonly Word[] }[];
  /** The values of a flag, by its spellings (`--output`, `-o`), after these words. */
  readonly values: readonly { readonly words: string; readonly flags: readonly string[]; readonly values: Values }[];
  /** The values of a command's argument. */
  readonly arguments: readonly { readonly words: string; readonly values: readonly string[] }[];
  /** The words of the commands that a command to run follows. */
  readonly running: readonly string[];
  /** Flags that take `true` or `false`, or nothing. All others take a value. */
  readonly switches: readonly string[];
}

/** `--output` and `-o`. */
function spellings({ name, alias }: Flag): string[] {
  return [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])];
}

function wordsOf(flag: Flag): Word[] {
  return spellings(flag).map((word) => ({ word, help: flag.help }));
}

function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** The commands whose words begin with these. */
function beginningWith(words: readonly string[], commands: readonly Completed[]): Completed[] {
  return commands.filter(({ path }) => words.every((word, i) => path[i] === word));
}

/** What can be offered as the value of a flag; `undefined`: nothing that is known. */
function valuesOf({ kind }: Flag): Values | undefined {
  if (kind.native === 'boolean') return ['true', 'false'];
  if (kind.placeholder === 'FILE') return 'files';
  if (kind.placeholder === 'FOLDER') return 'folders';
  return kind.schema['enum'] as readonly string[] | undefined;
}

/** The table for these commands, each of which has the common flags too. */
export function completionTable(commands: readonly Completed[], common: readonly Flag[]): Table {
  const beginnings = unique(
    commands.flatMap(({ path }) => path.map((_, length) => path.slice(0, length))),
    (path) => path.join(' '),
  );
  const within = (path: readonly string[]): Completed[] => beginningWith(path, commands);
  const places = [...beginnings, ...commands.map(({ path }) => path)];
  const flagsOf = (path: readonly string[]): Flag[] =>
    unique([...within(path).flatMap(({ flags }) => flags), ...common], ({ name }) => name);
  const everyFlag = [...commands.flatMap(({ flags }) => flags), ...common];
  return {
    next: beginnings.map((path) => ({
      words: path.join(' '),
      offered: unique(
        within(path).map((command) => ({
          word: command.path[path.length] ?? '',
          help: helpOf(command, path, commands),
        })),
        ({ word }) => word,
      ),
    })),
    flags: places.map((path) => ({
      words: path.join(' '),
      // Before a command is named, only what every command has is worth a look.
      offered: (path.length === 0 ? common : flagsOf(path)).flatMap(wordsOf),
    })),
    values: places.flatMap((path) =>
      flagsOf(path).flatMap((flag) => {
        const values = valuesOf(flag);
        return values === undefined ? [] : [{ words: path.join(' '), flags: spellings(flag), values }];
      }),
    ),
    arguments: commands.flatMap(({ path, argumentValues: values }) =>
      values === undefined ? [] : [{ words: path.join(' '), values }],
    ),
    running: commands.filter(({ takesCommand }) => takesCommand).map(({ path }) => path.join(' ')),
    switches: unique(
      everyFlag.filter(({ kind }) => kind.native === 'boolean').flatMap(spellings),
      (spelling) => spelling,
    ),
  };
}

/** What the next word after these means: the command's summary, or the words that may follow. */
function helpOf(command: Completed, { length }: readonly string[], commands: readonly Completed[]): string {
  if (command.path.length === length + 1) return command.summary;
  const alike = beginningWith(command.path.slice(0, length + 1), commands);
  return alike.map(({ path }) => path.slice(length + 1).join(' ')).join(', ');
}
