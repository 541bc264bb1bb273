#!/bin/sh
# ApplicationStart: start what was installed, or start it again.
set -eu

service=my-application
if systemctl cat "$service" >/dev/null 2>&1; then
  systemctl restart "$service"
  echo "started $service"
else
  echo "there is no service $service here: make its unit, or change scripts/start.sh"
fi
