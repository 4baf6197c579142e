import { didYouMean } from '../config/nearest.ts';
import type { Flag } from './flags.ts';

/** The command line, taken apart. */
export interface Arguments {
  /** What is neither a flag nor a flag's value, before `--`. */
  readonly words: readonly string[];
  /** Values of each flag by its name, in the order given. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  /** Everything after the first `--`, verbatim. `undefined` without one. */
  readonly rest: readonly string[] | undefined;
  /** Unknown flags, flags without a value, flags after the beginning of a command. */
  readonly problems: readonly string[];
}

/** One flag read from the command line: how many arguments it took. */
interface ReadFlag {
  readonly flag: Flag;
  readonly value: string;
  readonly took: 1 | 2;
}

/** What is no flag, and how many arguments are of no use with it. */
interface Misread {
  readonly problem: string;
  readonly took: 1 | 2;
}

/** Takes the command line apart before yargs sees it, because yargs guesses where ballot must not. */
export class ArgumentReader {
  readonly #flags = new Map<string, Flag>();
  readonly #startsCommand: (words: readonly string[]) => boolean;

  /**
   * @param flags all flags of all commands: whether one takes a value must be known before the command is
   * @param startsCommand whether the last of the words belongs to the command to run
   */
  constructor(flags: readonly Flag[], startsCommand: (words: readonly string[]) => boolean) {
    this.#startsCommand = startsCommand;
    for (const flag of flags) {
      this.#flags.set(`--${flag.name}`, flag);
      if (flag.alias !== undefined) this.#flags.set(`-${flag.alias}`, flag);
    }
  }

  /**
   * A flag that is true or false takes a following `true` or `false` and nothing else; others take whatever follows,
   * unless it looks like a flag. Values stay text. What belongs to the command to run is never looked into.
   */
  read(argv: readonly string[]): Arguments {
    const end = argv.indexOf('--');
    const own = end < 0 ? argv : argv.slice(0, end);
    const words: string[] = [];
    const flags = new Map<string, string[]>();
    const problems: string[] = [];
    for (let i = 0; i < own.length;) {
      const token = own[i] ?? '';
      if (!token.startsWith('-') || token === '-') {
        words.push(token);
        i += 1;
        continue;
      }
      if (this.#startsCommand(words)) {
        problems.push(
          `${token} follows the command ${words.at(-1)}: is it ballot's or the command's? Put -- before the command`,
        );
        break;
      }
      const read = this.#readFlag(token, own[i + 1]);
      i += read.took;
      if ('problem' in read) problems.push(read.problem);
      else flags.set(read.flag.name, [...(flags.get(read.flag.name) ?? []), read.value]);
    }
    return { words, flags, problems, rest: end < 0 ? undefined : argv.slice(end + 1) };
  }

  #readFlag(token: string, next: string | undefined): ReadFlag | Misread {
    const meant = /^-([^-=][^=]+)/.exec(token)?.[1];
    const long = this.#flags.get(`--${meant}`);
    if (long !== undefined) return this.#oneDash(token, long, next);
    const { name, value } = split(token);
    const flag = this.#flags.get(name);
    if (flag === undefined) return this.#readNegated(name, value) ?? { problem: this.#unknown(token), took: 1 };
    if (value !== undefined) return { flag, value, took: 1 };
    if (flag.kind.native === 'boolean') {
      return next !== undefined && /^(true|false)$/i.test(next)
        ? { flag, value: next, took: 2 }
        : { flag, value: 'true', took: 1 };
    }
    if (!isValue(next)) return { problem: `flag ${name} needs a value: ${flag.kind.allowed}`, took: 1 };
    return { flag, value: next, took: 2 };
  }

  /** `-schedule`, as Go's flags are written. Its value is taken with it, so that it is not told apart as a word. */
  #oneDash(token: string, { name, kind }: Flag, next: string | undefined): Misread {
    const takesNext = kind.native !== 'boolean' && !token.includes('=') && isValue(next);
    return { problem: `unknown flag ${nameOf(token)} (did you mean --${name}?)`, took: takesNext ? 2 : 1 };
  }

  #readNegated(name: string, value: string | undefined): ReadFlag | undefined {
    const flag = name.startsWith('--no-') ? this.#flags.get(`--${name.slice(5)}`) : undefined;
    return flag?.kind.native === 'boolean' && value === undefined ? { flag, value: 'false', took: 1 } : undefined;
  }

  #unknown(token: string): string {
    const name = nameOf(token);
    const word = name.replace(/^--?/, '');
    const known = [...this.#flags.values()].map((flag) => flag.name);
    return `unknown flag ${name}${word.length > 1 ? didYouMean(word, known, (found) => `--${found}`) : ''}`;
  }
}

/** A flag without the value after `=`, which may be a secret. */
function nameOf(token: string): string {
  return token.replace(/=.*/s, '');
}

/** Whether a flag takes what follows it. A negative number is taken, so that it can be refused as a value. */
function isValue(next: string | undefined): next is string {
  return next !== undefined && !/^-\D/.test(next);
}

/** `--name=value`, `--name`, `-ovalue`, `-o=value`, `-o`. */
function split(token: string): { name: string; value: string | undefined } {
  if (!token.startsWith('--')) {
    const value = token.slice(2).replace(/^=/, '');
    return { name: token.slice(0, 2), value: token.length > 2 ? value : undefined };
  }
  const at = token.indexOf('=');
  return at < 0 ? { name: token, value: undefined } : { name: token.slice(0, at), value: token.slice(at + 1) };
}
