# What zsh offers when TAB is pressed after LINE: zsh -f offered.zsh SCRIPT LINE FILE, one offer a line into FILE.
# A shell of its own on a pseudo-terminal, as completion works nowhere else; `compadd` is what every offer goes through.
zmodload zsh/zpty
export SCRIPT=$1 OFFERED=$3
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source $SCRIPT
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits
  builtin compadd -A hits "$@"
  print -rl -- $hits >>$OFFERED
  builtin compadd "$@"
}
finish() { mv $OFFERED $OFFERED.done; exit }
: >$OFFERED
comppostfuncs=(finish)
bindkey "^I" complete-word'
zpty -w -n shell "$2"$'\t'
for ((i = 0; i < 1200; i++)); do [[ -e $OFFERED.done ]] && break; sleep 0.05; done
zpty -d shell
[[ -e $OFFERED.done ]]
