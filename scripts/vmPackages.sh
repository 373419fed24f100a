#!/bin/sh
# Makes the disk that the lab's guests have their npm packages from, for any architecture:   scripts/vmDeps.sh FILE
# Left out is what no device needs: node itself (the guest has its own) and the control plane's PostgreSQL.
set -eu
modules=$(CDPATH='' cd -- "$(dirname -- "$0")/../node_modules" && pwd)
staged=$(mktemp -d "$1.XXXXXX")
trap 'rm -rf "$staged"' EXIT
rsync -a --exclude=/node --exclude='/node-linux-*' --exclude=/@embedded-postgres --exclude='/.*' "$modules/" "$staged/"
size=$(du -sm "$staged" | cut -f 1)
truncate -s "$((size * 3 / 2 + 64))M" "$1"
mke2fs -q -F -t ext4 -O ^has_journal -m 0 -L drayage-packages -d "$staged" "$1"
