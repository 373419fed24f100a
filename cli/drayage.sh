#!/bin/sh
# Runs the CLI of the checkout this script lies in, whatever link or folder it is called from.
set -u
self=$0
while [ -h "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=$(dirname "$self")/$link ;;
  esac
done
root=$(cd -P "$(dirname "$self")/.." && pwd) || exit 1
node=$root/node_modules/.bin/node
if [ ! -x "$node" ] || [ ! -d "$root/node_modules/commander" ]; then
  echo "drayage: its packages are not installed. Run \`npm run bootstrap\` in $root, then try again." >&2
  exit 1
fi
# What Node makes of the sources is kept beside the packages, if that may be written to: a third of a command's start.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node}"
exec "$node" --no-warnings "$root/cli/main.ts" "$@"
