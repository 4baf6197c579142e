# The command of the tests: `bash journalled.sh JOURNAL SCRIPT [TRAPS]` writes down its start and its end, and runs SCRIPT in between. TRAPS is run
# before the start is written: whoever waits for that knows that signals meet their traps.
#
# Lines: `start|end|overlap CANDIDATE PID TOKEN SECONDS TICK`, with `-` for what is not set. Each is one write at the end of the file, so their order is the order of events. `overlap`
# follows the start of a command while a member of the process group of another one still lives: each holds a lock that the kernel frees when the last
# of its holders is gone. (A command that is killed writes no end, but holds no lock either.)
LC_ALL=C
journal=$1 script=$2 traps=${3:-}
note() { echo "$1 ${BALLOT_CANDIDATE_ID:--} $$ ${BALLOT_FENCING_TOKEN:--} $EPOCHREALTIME ${BALLOT_TICK:--}" >>"$journal"; }
# Waits for signals without a child process, and not for ever: an orphan ends by itself.
stay() { read -r -t "${1:-90}" -u 8 _; }

exec 8<>"$journal.silent" 9>>"$journal.lock"
flock -n 9 && overlaps=no || overlaps=yes
trap 'note end' EXIT
# bash itself pays no attention to this one.
trap 'exit 131' QUIT
eval "$traps"
note start
[ $overlaps = yes ] && note overlap
eval "$script"
