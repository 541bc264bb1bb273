#!/bin/sh
# Start the server in a session of its own, so that it outlives the hook, with nothing of the hook's output held open.
set -eu
setsid python3 /srv/webapp/server.py >/var/log/webapp.log 2>&1 </dev/null &
echo $! >/run/webapp.pid
echo "started webapp $(cat /srv/webapp/version.txt) as process $!"
