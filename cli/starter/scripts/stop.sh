#!/bin/sh
# ApplicationStop: stop what the revision before this one started. Nothing runs, or runs no more: that is well, too.
set -eu

service=my-application
if systemctl is-active --quiet "$service" 2>/dev/null; then
  systemctl stop "$service"
  echo "stopped $service"
else
  echo "$service does not run here"
fi
