/** The parts of a completion script that bash and zsh read in the same way. */
import type { Table, Values } from './table.ts';

/** A text in single quotes. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A shell function that sets REPLY to what belongs to its first argument, and fails where nothing does. */
export function lookUp(name: string, rows: readonly (readonly [key: string, reply: string])[]): string {
  const keysOf = new Map<string, string[]>();
  for (const [key, reply] of rows) keysOf.set(reply, [...(keysOf.get(reply) ?? []), key]);
  const cases = [...keysOf].map(([reply, keys]) => `    ${keys.map(quoted).join(' | ')}) REPLY=${quoted(reply)} ;;`);
  return [`${name}() {`, '  case $1 in', ...cases, "    *) REPLY='' && return 1 ;;", '  esac', '}'].join('\n');
}

function replyOf(values: Values): string {
  return typeof values === 'string' ? `:${values}` : values.join(' ');
}

/**
 * `_ballot_values 'info --output'`: the words that may follow, or `:files`, `:folders`. `_ballot_argument schedule`:
 * the same for an argument. `_ballot_command 'run once'`: whether a command to run follows. `_ballot_switch --debug`:
 * whether the flag needs no value.
 */
export function sharedFunctions(table: Table): string[] {
  const values = table.values.flatMap(({ words, flags, values: offered }) =>
    flags.map((flag) => [`${words} ${flag}`, replyOf(offered)] as const),
  );
  const yes = (word: string): readonly [string, string] => [word, 'yes'];
  return [
    lookUp('_ballot_values', values),
    lookUp(
      '_ballot_argument',
      table.arguments.map(({ words, values: offered }) => [words, replyOf(offered)] as const),
    ),
    lookUp('_ballot_command', table.running.map(yes)),
    lookUp('_ballot_switch', table.switches.map(yes)),
  ];
}

/** Where a shell keeps the words of a command line, as it writes it. */
interface Line {
  /** The word number `i`. */
  readonly word: string;
  /** The number of the first word after `ballot`. */
  readonly first: string;
  /** The number of the last word, which is being completed. */
  readonly last: string;
  /** `i` as the argument of a function. */
  readonly index: string;
}

/** The loop that finds the command and the flag before the last word, and has that completed. */
export function walk({ word, first, last, index }: Line): string {
  return `  for ((i = ${first}; i < ${last}; i++)); do
    word=${word}
    if [[ -n $flag ]]; then
      _ballot_switch "$flag" && [[ $word != true && $word != false ]] && ((i--))
      flag=''
    elif [[ $word == -- ]]; then
      _ballot_command "$command" && _ballot_run $((i + 1))
      return
    elif [[ $word == -*=* ]]; then :
    elif [[ $word == -* ]]; then flag=$word
    elif _ballot_next "$command"; then command+=\${command:+ }$word
    elif _ballot_command "$command"; then
      _ballot_run ${index}
      return
    fi
  done
  _ballot_last "$command" "$flag"`;
}
