#!/bin/sh
# npm run example:cron-host [-- NAME]: one host of a distributed cron, until Ctrl-C. Its service is `ballot join`; its
# cron is a loop that runs the line of `crontab`, every EVERY seconds (5) instead of every minute.
here=$(dirname "$0")
if ! servers=${BALLOT_ZOOKEEPER_SERVERS:-$(cat "$here/../cluster/.server" 2>/dev/null)} || [ -z "$servers" ]; then
  echo 'there is no server yet: start it in another terminal with npm run example:zookeeper' >&2
  exit 69
fi
ballot() { node "$here/../../dist/main.js" "$@"; }
export BALLOT_ZOOKEEPER_SERVERS="$servers"
export BALLOT_ZOOKEEPER_BASE_PATH=/example/distributed-cron
export BALLOT_CANDIDATE_ID="${1:-host-$$}"

# Not by the function: the process to stop would be a shell.
node "$here/../../dist/main.js" join &
service=$!
trap 'kill "$service" 2>/dev/null; wait "$service"; exit 0' INT TERM
# cron writes % as \%.
line=$(sed -n 's/^\* \* \* \* \* //p' "$here/crontab" | sed 's/\\%/%/g')
while :; do
  sleep "${EVERY:-5}" &
  wait $!
  eval "$line"
done
