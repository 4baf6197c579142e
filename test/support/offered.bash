# What bash offers when TAB is pressed at the end of a line: bash --norc offered.bash SCRIPT LINE WORD…, one offer a
# line. The words are those of the line as readline cuts it.
source "$1"
COMP_LINE=$2
shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_POINT=${#COMP_LINE}
declare -F _ballot >/dev/null || exit 3
read -r _ _ completer _ < <(complete -p ballot)
"$completer" ballot "${COMP_WORDS[COMP_CWORD]}"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
