import { lookUp, quoted, sharedFunctions, walk } from './shell.ts';
import type { Table, Word } from './table.ts';

/** Lines of `word:what it means`, as `_describe` reads them. */
function described(offered: readonly Word[]): string {
  return offered.map(({ word, help }) => `${word.replaceAll(':', String.raw`\:`)}:${help}`).join('\n');
}

/** The script that teaches zsh to complete `ballot`: to be sourced after `compinit`, or a file `_ballot` in `fpath`. */
export function zshCompletion(table: Table, version: string): string {
  const rows = (part: Table['next']): (readonly [string, string])[] =>
    part.map(({ words, offered }) => [words, described(offered)] as const);
  const parts = [
    `#compdef ballot\n# Completion of ballot ${version} for zsh, made by: ballot completion zsh. ` +
      'Make it again after an upgrade.',
    lookUp('_ballot_next', rows(table.next)),
    lookUp('_ballot_flags', rows(table.flags)),
    ...sharedFunctions(table),
    ZSH,
  ];
  return parts.join('\n\n');
}

const DASHES = quoted('--:the command to run follows');

const ZSH = `# Offers the values that a table has put into REPLY.
_ballot_offer_values() {
  case $REPLY in
    :files) _files ;;
    :folders) _files -/ ;;
    *) compadd -- \${=REPLY} ;;
  esac
}

# Completes the command to run, whose first word is number $1.
_ballot_run() {
  shift $(($1 - 1)) words
  ((CURRENT -= $1 - 1))
  _normal
}

# Completes the word $2 after the command $1, as what is no value of a flag.
_ballot_word() {
  local -a offered
  if [[ $2 == -* ]]; then :
  elif _ballot_next "$1"; then
    offered=("\${(@f)REPLY}")
    _describe -t commands command offered && return
  elif _ballot_argument "$1"; then _ballot_offer_values && return
  elif [[ -n $2 ]]; then
    _ballot_command "$1" && _ballot_run $CURRENT
    return
  fi
  _ballot_flags "$1"
  offered=("\${(@f)REPLY}")
  _ballot_command "$1" && offered+=(${DASHES})
  _describe -t flags flag offered
}

# Completes the last word. $1 is the command so far, $2 the flag before the word, if it may have a value.
_ballot_last() {
  local word=\${words[CURRENT]}
  if [[ $word == --*=* ]]; then
    _ballot_values "$1 \${word%%=*}" || return
    compset -P '*='
    _ballot_offer_values
  elif [[ -n $2 && $word != -* ]] && ! _ballot_switch "$2"; then
    _ballot_values "$1 $2" && _ballot_offer_values
  else
    _ballot_word "$1" "$word"
  fi
}

_ballot() {
  local REPLY word command='' flag=''
  local -i i
${walk({ word: '${words[i]}', first: '2', last: 'CURRENT', index: '$i' })}
}

# zsh calls a file of fpath as the function of that name; a file that is sourced only says which function it is.
if [[ \${funcstack[1]} == _ballot ]]; then _ballot "$@"; else compdef _ballot ballot; fi
`;
