#!/bin/sh
# ValidateService: is the new revision well? Ask it as its users would: for a web application,
#   curl --fail --silent --show-error --max-time 5 --retry 10 --retry-connrefused http://localhost:8080/health
set -eu

service=my-application
if systemctl cat "$service" >/dev/null 2>&1; then
  systemctl is-active "$service"
else
  echo "there is no service $service here: nothing to ask"
fi
