# What Drayage's commands need on this machine: how to see that it is there, and how to get it. Sourced by run.sh.

TEMPORAL_VERSION=1.5.1
ROOTFS_SUITE=forky

# Debian packages of this machine, for the lab and its tests.
HOST_PACKAGES='mmdebstrap debian-archive-keyring ca-certificates busybox-static gcc libc6-dev libssl-dev libzstd-dev iproute2 nftables
  tcpdump rsync e2fsprogs util-linux mount procps iputils-arping faketime docker-registry'

# Debian packages of a lab device's file system; from podman on for `npm run bench`, which compares with it.
DEVICE_PACKAGES='ca-certificates coreutils util-linux mount procps tini netbase iproute2 nftables iptables
  iputils-arping iputils-ping e2fsprogs rsync tar zstd busybox-static nodejs docker.io docker-cli containerd runc criu
  podman netavark'

# For guests of QEMU, and for those of another processor: what emulates it, and what builds for it.
VM_PACKAGES='qemu-system-x86 openssh-client sshfs xz-utils'
VM_ARM64_PACKAGES='qemu-system-arm qemu-user-static binfmt-support arch-test gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  libssl-dev:arm64 libzstd-dev:arm64'
# What the browser tests run, unless DRAYAGE_CHROMIUM names another one.
BROWSER_PACKAGES='chromium fonts-dejavu-core'
[ -n "$want_lab" ] || HOST_PACKAGES=
[ -z "$want_browser" ] || [ -n "${DRAYAGE_CHROMIUM:-}" ] || HOST_PACKAGES="$HOST_PACKAGES $BROWSER_PACKAGES"
[ -z "$want_vm" ] || HOST_PACKAGES="$HOST_PACKAGES $VM_PACKAGES"
[ -z "$want_vm_arm64" ] || HOST_PACKAGES="$HOST_PACKAGES $VM_ARM64_PACKAGES"

temporal_cached=$cache/temporal-$TEMPORAL_VERSION/temporal
rootfs_key=$(printf '%s %s' "$ROOTFS_SUITE" "$DEVICE_PACKAGES" | tr -s ' \n' '  ' | sha256sum | cut -c 1-12)
rootfs=$cache/rootfs-$rootfs_key
export DRAYAGE_LAB_ROOTFS="$rootfs"
if [ -n "$want_vm" ]; then
  vm_key=$(cat "$root/scripts/vmImage.sh" $(find "$root/scripts/guest" -type f | sort) | sha256sum | cut -c 1-12)
  packages_key=$(cat "$root/package-lock.json" "$root/scripts/vmPackages.sh" | sha256sum | cut -c 1-12)
  export DRAYAGE_VM_X64="$cache/vm-x64-$vm_key" DRAYAGE_VM_ARM64="$cache/vm-arm64-$vm_key"
  export DRAYAGE_VM_X64_PACKAGES="$cache/vm-packages-x64-$packages_key.img" DRAYAGE_VM_ARM64_PACKAGES="$cache/vm-packages-arm64-$packages_key.img"
fi

# ---- is it there? (each answers in milliseconds)

node_modules_ready() {
  [ -f "$root/node_modules/.drayage-lock" ] &&
    [ "$(cat "$root/node_modules/.drayage-lock")" = "$(lock_hash)" ]
}
lock_hash() { sha256sum < "$root/package-lock.json" | cut -c 1-64; }
temporal_ready() { [ -x "$temporal_cached" ] || command -v temporal > /dev/null 2>&1; }
rootfs_ready() { [ -d "$rootfs" ]; }
web_ready() { sh "$root/scripts/dashboard.sh" --check; }
native_ready() { sh "$root/scripts/native.sh" "${1:-$(uname -m)}" --check; }
vm_ready() { [ -d "$DRAYAGE_VM_X64" ] && [ -f "$DRAYAGE_VM_X64_PACKAGES" ]; }
vm_arm64_ready() { [ -d "$DRAYAGE_VM_ARM64" ] && [ -f "$DRAYAGE_VM_ARM64_PACKAGES" ] && native_ready arm64; }
missing_packages() {
  # shellcheck disable=SC2086 # a list of words
  { dpkg-query -W -f='${Package} ${db:Status-Status}\n${Package}:${Architecture} ${db:Status-Status}\n' $HOST_PACKAGES 2> /dev/null || true; } |
    awk -v wanted="$HOST_PACKAGES" '$2 == "installed" { have[$1] = 1 }
      END { n = split(wanted, w, /[ \n]+/); for (i = 1; i <= n; i++) if (w[i] != "" && !(w[i] in have)) printf "%s ", w[i] }'
}
everything_ready() {
  node_modules_ready || return 1
  [ -z "$want_temporal" ] || temporal_ready || return 1
  [ -z "$want_web" ] || web_ready || return 1
  [ -z "$want_lab" ] || { native_ready && rootfs_ready; } || return 1
  [ -z "$HOST_PACKAGES" ] || { command -v dpkg-query > /dev/null && [ -z "$(missing_packages)" ]; } || return 1
  [ -z "$want_vm" ] || vm_ready || return 1
  [ -z "$want_vm_arm64" ] || vm_arm64_ready || return 1
}

# ---- get it

require_root() {
  [ "$(id -u)" = 0 ] || fail 'The lab makes namespaces, mounts and network interfaces, which only root may do.' \
    'Run the same command as root (for example with: sudo -E npm run ...). `npm run test:unit` needs no root.'
}

need_packages() {
  missing=$(if command -v dpkg-query > /dev/null; then missing_packages; else echo all; fi)
  [ -n "$missing" ] || return 0
  for tool in apt-get dpkg-query; do
    command -v $tool > /dev/null ||
      fail "This machine has no $tool, so Debian's packages cannot be installed here." \
        "Use Debian or Ubuntu, or install these yourself: $(echo $HOST_PACKAGES)"
  done
  # The lists of a fresh image are empty or old; the install alone is tried first, since it is often enough.
  export DEBIAN_FRONTEND=noninteractive
  case $missing in *:arm64*) dpkg --add-architecture arm64 ;; esac
  # shellcheck disable=SC2086 # a list of words
  timed "installing Debian packages: $missing" 'first time ~20 s' sh -c \
    'apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }' \
    sh $missing || fail 'The Debian packages could not be installed.' "Try by hand: apt-get install $missing"
}

need_node_modules() {
  command -v npm > /dev/null || fail 'npm is missing.' 'Install Node.js 20 or newer with npm.'
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2> /dev/null ||
    fail "Node.js is missing or older than 20 (found: $(node --version 2> /dev/null || echo none))." 'Install Node.js 20 or newer.'
  node_modules_ready && return 0
  # Someone may have run npm by hand: what counts is that what the lock names is installed.
  if ! node "$root/scripts/installed.mjs" "$root"; then
    (cd "$root" && timed 'installing npm packages' 'first time ~40 s' env npm_config_loglevel=notice npm ci --no-audit --no-fund) ||
      fail 'npm ci failed.' 'Its last lines are above; check that the npm registry can be reached.'
  fi
  lock_hash > "$root/node_modules/.drayage-lock"
}

need_temporal() {
  temporal_ready && return 0
  building=$(mktemp -d "$cache/building.XXXXXX")
  if command -v go > /dev/null &&
    timed "building Temporal's server $TEMPORAL_VERSION with go" 'first time ~3 minutes' \
      env GOBIN="$building" go install "github.com/temporalio/cli/cmd/temporal@v$TEMPORAL_VERSION"; then
    :
  else
    timed "downloading Temporal's server by its SDK" 'first time ~20 s' \
      "$root/node_modules/.bin/node" "$root/scripts/download-temporal.ts" "$building" || {
      rm -rf "$building"
      fail "Temporal's server could not be had: not on PATH, not built by go, not downloaded." \
        "Install Go, or put the Temporal CLI (https://docs.temporal.io/cli) on PATH, or set TEMPORAL_ADDRESS to a running server."
    }
  fi
  chmod 755 "$building" && rm -rf "${temporal_cached%/*}" && mv "$building" "${temporal_cached%/*}"
}

need_web() {
  web_ready && return 0
  timed 'building the dashboard' 'first time ~15 s' sh "$root/scripts/dashboard.sh" --needed ||
    fail 'The dashboard (web/) could not be built.' 'The lines above say why; everything else works without it.'
}

# need_native [ARCHITECTURE]
need_native() {
  native_ready "$@" && return 0
  timed "building the native helpers${1:+ for $1}" 'first time ~5 s' sh "$root/scripts/native.sh" "$@" ||
    fail 'The native helpers (device/native) could not be built.' 'The lines above say why; gcc, libc6-dev, libssl-dev and libzstd-dev are needed.'
}

need_rootfs() {
  rootfs_ready && return 0
  # Left by a bootstrap that was killed; the lock is ours, so nobody is using them.
  rm -rf "$cache"/building.*
  building=$(mktemp -d "$cache/building.XXXXXX")
  # A device's file system is for trials on this machine only, so an old index of the archive is good enough.
  timed "making the devices' file system (Debian $ROOTFS_SUITE)" 'first time ~30 s, 700 MB' \
    mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$(echo $DEVICE_PACKAGES | tr ' ' ',')" "$ROOTFS_SUITE" "$building/rootfs" || {
    rm -rf "$building"
    fail "The devices' file system could not be made." "The lines above say why; check that Debian's archive can be reached from here."
  }
  mv "$building/rootfs" "$rootfs" && rmdir "$building"
  # File systems of earlier package lists are of no use any more, unless a lab still stands on one.
  for old in "$cache"/rootfs-*; do
    [ "$old" = "$rootfs" ] || grep -qs "$old" /proc/[0-9]*/mountinfo || rm -rf "$old"
  done
}

need_vm() {
  exec 8> "$cache/vm.lock"
  if ! flock -n 8; then
    say 'another bootstrap makes the file systems of guests; waiting for it'
    flock 8
  fi
  timed_log=$cache/vm.log
  # Left by a bootstrap that was killed, with what mmdebstrap had mounted in it.
  awk -v left="$cache/vm-building." 'index($2, left) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount --lazy
  rm -rf "$cache"/vm-building.*
  need_vm_packages x64 "$DRAYAGE_VM_X64_PACKAGES"
  need_vm_image x64 "$DRAYAGE_VM_X64" 'first time ~4 minutes, 800 MB'
  if [ -n "$want_vm_arm64" ]; then
    need_vm_packages arm64 "$DRAYAGE_VM_ARM64_PACKAGES"
    need_vm_image arm64 "$DRAYAGE_VM_ARM64" 'first time ~15 minutes, 800 MB'
  fi
  exec 8>&-
}

# need_vm_image ARCHITECTURE FOLDER EXPECTATION
need_vm_image() {
  [ -d "$2" ] && return 0
  [ "$(uname -m)" = x86_64 ] || fail "Guests are set up on x86-64 machines only; this one is $(uname -m)." 'Use the lab without guests.'
  building=$(mktemp -d "$cache/vm-building.XXXXXX")
  timed "making the file system of $1 guests (Debian with systemd)" "$3" sh "$root/scripts/vmImage.sh" "$1" "$building" || {
    rm -rf "$building"
    fail "The file system of $1 guests could not be made." "The lines above say why; check that Debian's archive can be reached from here."
  }
  chmod 755 "$building"
  mv "$building" "$2"
  for old in "$cache/vm-$1"-*; do
    [ "$old" = "$2" ] || in_use "$old" || rm -rf "$old"
  done
}

# need_vm_packages ARCHITECTURE FILE
need_vm_packages() {
  [ -f "$2" ] && return 0
  building=$(mktemp -d "$cache/vm-building.XXXXXX")
  timed "making the disk of npm packages of $1 guests" 'first time ~30 s, 700 MB' \
    env PATH="$root/node_modules/.bin:$PATH" sh "$root/scripts/vmPackages.sh" "$1" "$building/packages.img" || {
    rm -rf "$building"
    fail "The disk of npm packages of $1 guests could not be made." 'The lines above say why; 2 GB of disk are needed.'
  }
  mv "$building/packages.img" "$2" && rm -rf "$building"
  for old in "$cache/vm-packages-$1"-*; do
    [ "$old" = "$2" ] || in_use "$old" || rm -f "$old"
  done
}

# Whether a guest that runs stands on it.
in_use() { grep -qsF "$1" /proc/[0-9]*/cmdline; }
