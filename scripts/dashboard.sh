#!/bin/sh
# Builds the dashboard into web/dist:   scripts/dashboard.sh [--needed | --check]
# `--needed` leaves alone what is up to date; `--check` only tells, by its exit code, whether it is.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
stamp=web/dist/.built
# All that is built in, and what it is built with.
key=$(find web client core scripts/dashboard vite.config.ts package-lock.json -path web/dist -prune -o -type f ! -name '*.test.ts' -print |
  LC_ALL=C sort | xargs cat "$0" | sha256sum | cut -c 1-64)
if [ $# -gt 0 ]; then
  [ "$(cat "$stamp" 2> /dev/null)" = "$key" ] && exit 0
  [ "$1" = --check ] && exit 1
fi
PATH=$root/node_modules/.bin:$PATH vite build
echo "$key" > "$stamp"
