#!/bin/sh
# Write down which hook of which revision ran on this host. The revision's own folder is two levels above this script.
set -eu
version=$(cat "$(dirname "$0")/../app/version.txt")
mkdir -p /var/lib
echo "$version $LIFECYCLE_EVENT" >>/var/lib/hooks.log
echo "$LIFECYCLE_EVENT of $version"
