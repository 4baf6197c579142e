#!/bin/sh
# A systemd of one's own, for units of a test: unshare --mount sh own-systemd.sh RUNTIME HOME. It ends with its parent.
# It looks like a host that systemd has booted, in this mount namespace alone.
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec env -i PATH="$PATH" HOME="$2" XDG_RUNTIME_DIR="$1" SYSTEMD_LOG_LEVEL=notice \
  setpriv --pdeathsig KILL /lib/systemd/systemd --user --log-target=console
