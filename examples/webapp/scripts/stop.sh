#!/bin/sh
# Stop the server that the previous revision started, if it still runs.
set -eu
[ -f /run/webapp.pid ] || exit 0
pid=$(cat /run/webapp.pid)
kill "$pid" 2>/dev/null || true
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
rm -f /run/webapp.pid
echo "stopped process $pid"
