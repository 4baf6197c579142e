import { lookUp, sharedFunctions, walk } from './shell.ts';
import type { Table, Word } from './table.ts';

const join = (offered: readonly Word[]): string => offered.map(({ word }) => word).join(' ');

/** The script that teaches bash (4 or newer) to complete `ballot`. */
export function bashCompletion(table: Table, version: string): string {
  const next = table.next.map(({ words, offered }) => [words, join(offered)] as const);
  const flags = table.flags.map(({ words, offered }) => [words, join(offered)] as const);
  const parts = [
    `# Completion of ballot ${version} for bash, made by: ballot completion bash. Make it again after an upgrade.`,
    lookUp('_ballot_next', next),
    lookUp('_ballot_flags', flags),
    ...sharedFunctions(table),
    BASH,
  ];
  return parts.join('\n\n');
}

const BASH = `# bash cuts words at = and : as well (COMP_WORDBREAKS). Puts them together again, up to the cursor:
# _ballot_words holds them, _ballot_places where each begins in COMP_WORDS.
_ballot_read() {
  local line=$COMP_LINE word i
  _ballot_words=() _ballot_places=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 0)) && [[ -n $line && $line != [[:blank:]]* ]]; then
      _ballot_words[\${#_ballot_words[@]} - 1]+=$word
    else
      _ballot_words+=("$word") _ballot_places+=("$i")
    fi
    line=\${line#"\${line%%[![:blank:]]*}"}
    line=\${line#"$word"}
  done
}

# Offers the words in $1 that begin with $2.
_ballot_offer() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# Offers the paths that begin with $2: $1 is -f (files and folders) or -d (folders).
_ballot_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# Offers the values that a table has put into REPLY.
_ballot_offer_values() {
  case $REPLY in
    :files) _ballot_paths -f "$1" ;;
    :folders) _ballot_paths -d "$1" ;;
    *) _ballot_offer "$REPLY" "$1" ;;
  esac
}

# Completes the command to run, whose first word is number $1. Where the package bash-completion is loaded, it does.
_ballot_run() {
  local last=$((\${#_ballot_words[@]} - 1)) offset
  local word=\${_ballot_words[last]}
  for offset in _comp_command_offset _command_offset; do
    declare -F "$offset" >/dev/null || continue
    "$offset" "\${_ballot_places[$1]}"
    return
  done
  if (($1 == last)) && [[ $word != */* ]]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$word" | sort -u)
  else
    _ballot_paths -f "$word"
  fi
}

# Completes --flag=value. Where bash cuts at =, it replaces the value alone.
_ballot_assignment() {
  local flag=\${2%%=*} before=''
  [[ \${COMP_WORDS[COMP_CWORD]} == --*=* ]] && before=$flag=
  _ballot_values "$1 $flag" && _ballot_offer_values "\${2#*=}"
  COMPREPLY=("\${COMPREPLY[@]/#/$before}")
}

# Completes the word $2 after the command $1, as what is no value of a flag.
_ballot_word() {
  local flags
  if [[ $2 == -* ]]; then :
  elif _ballot_next "$1"; then _ballot_offer "$REPLY" "$2" && return
  elif _ballot_argument "$1"; then _ballot_offer_values "$2" && return
  elif [[ -n $2 ]]; then
    _ballot_command "$1" && _ballot_run $((\${#_ballot_words[@]} - 1))
    return
  fi
  _ballot_flags "$1" && flags=$REPLY
  _ballot_command "$1" && flags+=' --'
  _ballot_offer "$flags" "$2"
}

# Completes the last word. $1 is the command so far, $2 the flag before the word, if it may have a value.
_ballot_last() {
  local word=\${_ballot_words[\${#_ballot_words[@]} - 1]}
  if [[ $word == --*=* ]]; then
    _ballot_assignment "$1" "$word"
  elif [[ -n $2 && $word != -* ]] && ! _ballot_switch "$2"; then
    _ballot_values "$1 $2" && _ballot_offer_values "$word"
  else
    _ballot_word "$1" "$word"
  fi
}

_ballot() {
  local -a _ballot_words _ballot_places
  local REPLY i word command='' flag=''
  COMPREPLY=()
  _ballot_read
${walk({ word: '${_ballot_words[i]}', first: '1', last: '${#_ballot_words[@]} - 1', index: '"$i"' })}
}

complete -F _ballot ballot
`;
