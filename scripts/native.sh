#!/bin/sh
# Builds the native helpers of device/native for an architecture:   scripts/native.sh [x64|arm64]   (default: this machine's)
# into device/native/bin/ARCHITECTURE; what is up to date is left alone. CC names the compiler (arm64 elsewhere:
# aarch64-linux-gnu-gcc). They are linked
# with the system's OpenSSL and zstd, so that its security updates reach them.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../device/native" && pwd)

case ${1:-$(uname -m)} in
  x86_64 | x64) arch=x64 default=gcc ;;
  aarch64 | arm64) arch=arm64 default=aarch64-linux-gnu-gcc ;;
  *) echo "scripts/native.sh: architecture ${1:-$(uname -m)} is not known" >&2; exit 2 ;;
esac
case $(uname -m) in aarch64) default=gcc ;; esac
CC=${CC:-$default}
bin=$here/bin/$arch
key=$(cat "$0" "$here"/src/* | sha256sum | cut -c 1-64)
[ "$(cat "$bin/.built" 2> /dev/null)" = "$key" ] && exit 0
[ "${2:-}" = --check ] && exit 1

mkdir -p "$here/bin"
building=$(mktemp -d "$here/bin/building.XXXXXX")
trap 'rm -rf "$building"' EXIT
flags='-std=gnu11 -O3 -Wall -Wextra -Werror'
$CC $flags -s -pthread -o "$building/memory-source" "$here/src/memory-source.c" -lssl -lcrypto -lzstd
$CC $flags -s -o "$building/memory-target" "$here/src/memory-target.c" -lssl -lcrypto -lzstd
$CC $flags -static -s -o "$building/memory-watch" "$here/src/memory-watch.c"
$CC $flags -static -s -o "$building/tree-source" "$here/src/tree-source.c"
$CC $flags -static -s -o "$building/tree-target" "$here/src/tree-target.c"
$CC $flags -shared -fPIC -s -o "$building/criu-hide.so" "$here/src/criu-hide.c" -ldl
$CC $flags -shared -fPIC -s -o "$building/criu-watch.so" "$here/src/criu-watch.c" -ldl
mkdir "$building/tools"
$CC $flags -static -s -o "$building/tools/tar" "$here/src/tar.c"
echo "$key" > "$building/.built"
chmod 755 "$building"
rm -rf "$bin"
mv "$building" "$bin"
trap - EXIT
