#!/bin/sh
# Sets up what a command needs, then becomes that command:   scripts/run.sh [web] [browser] [temporal] [lab] [vm] [vm-arm64] -- COMMAND...
# npm packages are always seen to. `web` adds the built dashboard, `browser` that and Chromium, `temporal` Temporal's server,
# `lab` the dashboard, the Debian packages and the file system of the lab's devices, `vm` QEMU and what its guests boot from, `vm-arm64` the same of another processor. Slow results are kept in ${XDG_CACHE_HOME:-~/.cache}/drayage; with all there this takes < 1 s.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/drayage
. "$root/scripts/lib.sh"

want_web='' want_browser='' want_temporal='' want_lab='' want_vm='' want_vm_arm64=''
while [ $# -gt 0 ]; do
  case $1 in
    web) want_web=1 ;;
    browser) want_browser=1 want_web=1 ;;
    temporal) want_temporal=1 ;;
    lab) want_lab=1 want_temporal=1 want_web=1 ;;
    vm) want_vm=1 want_lab=1 want_temporal=1 want_web=1 ;;
    vm-arm64) want_vm_arm64=1 want_vm=1 want_lab=1 want_temporal=1 want_web=1 ;;
    --) shift; break ;;
    *) fail "scripts/run.sh does not know the need '$1'." "Use: scripts/run.sh [web] [browser] [temporal] [lab] [vm] [vm-arm64] -- COMMAND..." ;;
  esac
  shift
done
[ $# -gt 0 ] || fail 'scripts/run.sh was given no command.' 'Use: scripts/run.sh [web] [browser] [temporal] [lab] [vm] [vm-arm64] -- COMMAND...'

. "$root/scripts/needs.sh"

[ -z "$want_lab" ] || require_root
if ! everything_ready; then
  mkdir -p "$cache" || fail "The cache folder $cache cannot be made." 'Set XDG_CACHE_HOME to a folder that you may write to.'
  # One bootstrap at a time: a second one waits here and then finds all done.
  exec 9> "$cache/bootstrap.lock"
  if ! flock -n 9; then
    say 'another bootstrap is running; waiting for it'
    flock 9
  fi
  [ -z "$HOST_PACKAGES" ] || need_packages
  need_node_modules
  [ -z "$want_web" ] || need_web
  [ -z "$want_temporal" ] || need_temporal
  [ -z "$want_lab" ] || need_native
  [ -z "$want_lab" ] || need_rootfs
  [ -z "$want_vm_arm64" ] || need_native arm64
  exec 9>&-
  # What takes long has a lock of its own: nobody else waits for it.
  [ -z "$want_vm" ] || need_vm
fi

export DRAYAGE_CACHE="$cache"
# What Node makes of the sources: with it the project's many processes take about a third less to start.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node}"
PATH=$root/node_modules/.bin:$PATH
export PATH
exec "$@"
