import parser from 'yargs-parser';
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

/**
 * Takes the command line apart. A flag that is true or false takes a following `true` or `false` and nothing else;
 * others take whatever follows, unless it looks like a flag. Values stay text. What belongs to the command to run is
 * never looked into.
 *
 * @param flags all flags of all commands: whether one takes a value must be known before the command is
 * @param startsCommand whether the last of the words belongs to the command to run
 */
export function readArguments(
  argv: readonly string[],
  flags: readonly Flag[],
  startsCommand: (words: readonly string[]) => boolean,
): Arguments {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const known = knownFlags(flags);
  const words: string[] = [];
  const found = new Map<string, string[]>();
  const problems: string[] = [];
  for (let i = 0; i < own.length; i++) {
    const token = own[i] ?? '';
    if (!token.startsWith('-') || token === '-') {
      words.push(token);
      continue;
    }
    if (startsCommand(words)) {
      problems.push(
        `${token} follows the command ${words.at(-1)}: is it ballot's or the command's? Put -- before the command`,
      );
      break;
    }
    const read = readFlag(token, own[i + 1], known);
    if (read.tookNext) i += 1;
    if ('problem' in read) problems.push(read.problem);
    else found.set(read.name, [...(found.get(read.name) ?? []), read.value]);
  }
  return { words, flags: found, problems, rest: end < 0 ? undefined : argv.slice(end + 1) };
}

interface Known {
  /** By name, and by the letter that is its alias. */
  readonly flags: ReadonlyMap<string, Flag>;
  /** What yargs-parser is told of them, with its guesses turned off. */
  readonly rules: parser.Options;
}

function knownFlags(all: readonly Flag[]): Known {
  const flags = new Map(all.flatMap((flag) => [flag.name, flag.alias ?? flag.name].map((name) => [name, flag])));
  const boolean = [...flags.keys()].filter((name) => flags.get(name)?.kind.native === 'boolean');
  const valued = [...flags.keys()].filter((name) => !boolean.includes(name));
  const narg = Object.fromEntries(valued.map((name) => [name, 1]));
  const configuration = { 'camel-case-expansion': false, 'dot-notation': false, 'short-option-groups': false };
  return { flags, rules: { boolean, narg, configuration } };
}

type Read = ({ readonly name: string; readonly value: string } | { readonly problem: string }) & {
  readonly tookNext: boolean;
};

/** Reads one flag. Refuses what yargs-parser takes and ballot does not, and a value that the parser would change. */
function readFlag(token: string, next: string | undefined, known: Known): Read {
  // In other words than the user's, as yargs-parser takes `-1s` for a flag and `TRUE` for no truth.
  const offered = isValue(next) ? [next.toLowerCase().replace(/^-/, '')] : [];
  const { argv, error } = parser.detailed([token, ...offered], known.rules);
  const { _: left, ...read } = argv;
  const [name, value] = Object.entries(read)[0] ?? [nameOf(token).replace(/^--?/, '')];
  const flag = known.flags.get(name);
  if (flag === undefined) {
    // `-oyaml`: yargs-parser knows digits alone in this place.
    if (/^-[^-][^=]/.test(token) && known.flags.has(token.charAt(1)))
      return readFlag(`${token.slice(0, 2)}=${token.slice(2)}`, next, known);
    return { problem: unknown(token, known), tookNext: false };
  }
  const isSwitch = flag.kind.native === 'boolean';
  const tookNext = left.length < offered.length;
  // `-schedule`, as Go's flags are written, and `--no-schedule`.
  if (token.startsWith('--') !== name.length > 1 || (value === false && !isSwitch))
    return { problem: unknown(token, known), tookNext };
  if (error !== null) return { problem: `flag ${token} needs a value: ${flag.kind.allowed}`, tookNext };
  const text = /=(.*)/s.exec(token)?.[1] ?? (tookNext ? next : String(value));
  return { name: flag.name, value: text ?? '', tookNext };
}

function unknown(token: string, { flags }: Known): string {
  const name = nameOf(token);
  const word = name.replace(/^--?/, '');
  const names = [...flags.values()].map((flag) => flag.name);
  return `unknown flag ${name}${word.length > 1 ? didYouMean(word, names, (found) => `--${found}`) : ''}`;
}

/** A flag without the value after `=`, which may be a secret. */
function nameOf(token: string): string {
  return token.replace(/=.*/s, '');
}

/** Whether a flag takes what follows it. A negative number is taken, so that it can be refused as a value. */
function isValue(next: string | undefined): next is string {
  return next !== undefined && !/^-\D/.test(next);
}
