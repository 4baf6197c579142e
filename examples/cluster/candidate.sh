#!/bin/sh
# npm run example:candidate [-- NAME]: one candidate of the example's election. Start it in several terminals: one leads
# and runs the command. End that one, by Ctrl-C or by kill -9, and the next one does.
here=$(dirname "$0")
if ! servers=$(cat "$here/.server" 2>/dev/null); then
  echo 'there is no server yet: start it in another terminal with npm run example:zookeeper' >&2
  exit 69
fi
exec node "$here/../../dist/main.js" run once \
  --zookeeper-servers "$servers" --zookeeper-base-path /example/cluster --candidate-id "${1:-candidate-$$}" -- \
  sh -c 'while :; do echo "$BALLOT_CANDIDATE_ID works, fencing token $BALLOT_FENCING_TOKEN"; sleep 1; done'
