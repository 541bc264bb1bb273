#!/bin/sh
exec "$(dirname "$0")/note.sh"
