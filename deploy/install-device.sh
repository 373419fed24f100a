#!/bin/sh
# Makes this machine a device of Drayage; run as root, from a checkout that stays where it is.
#
#   DRAYAGE_JOIN_TOKEN=... sh deploy/install-device.sh --name NAME --control-url URL [OPTION...]
#   sh deploy/install-device.sh --name NAME [OPTION...]
#
#   --name NAME             the device's name in the control plane
#   --control-url URL       https://HOST:7443; `drayage device token` prints it, and the token. Without it the device
#                           looks for a control plane on the local network, and waits until it is approved there
#   --interface CARD        put this network card into a new bridge; without it the bridge must be there already
#   --address ADDR/PREFIX   the bridge's address, if it is new; default: by DHCP
#   --gateway ADDR          its default route
#   --bridge NAME           default br0
#   --link ADDR:PORT        where other devices reach this one; default: the bridge's address, port 7444
#
# It checks what is installed, sets up Docker's runtime, the bridge (systemd-networkd) and the service drayage-node, and
# starts it. Run again it changes only what differs. The token, if there is one, is needed until the device has joined.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PACKAGES='docker.io runc criu busybox-static iproute2 iputils-arping nftables rsync tar zstd perl-base'
name='' url='' interface='' address='' gateway='' bridge=br0 link=''

say() { printf 'install-device: %s\n' "$*"; }
# fail CAUSE MEND
fail() {
  printf 'install-device: %s\n                %s\n' "$1" "$2" >&2
  exit 1
}
usage() {
  sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0"
  exit "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --help) usage 0 ;;
    --name | --control-url | --interface | --address | --gateway | --bridge | --link) ;;
    *) fail "There is no option '$1'." "See: sh $0 --help" ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value." "See: sh $0 --help"
  case $1 in
    --name) name=$2 ;;
    --control-url) url=$2 ;;
    --interface) interface=$2 ;;
    --address) address=$2 ;;
    --gateway) gateway=$2 ;;
    --bridge) bridge=$2 ;;
    --link) link=$2 ;;
  esac
  shift 2
done

# ---- what must be there

# at_least HAVE WANTED: whether a version is new enough
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
version_of() { "$@" 2> /dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }
# need PROGRAM WANTED COMMAND...: a program in that version or newer
need() {
  program=$1 wanted=$2
  shift 2
  have=$(version_of "$@")
  [ -n "$have" ] || fail "$program is missing." "Install it: apt-get install $PACKAGES"
  at_least "$have" "$wanted" ||
    fail "$program is $have; $wanted or newer is needed." "Install a newer one: apt-get install $PACKAGES (Debian forky has them)"
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail 'This needs root.' "Run it as root: sudo -E sh $0 ..."
  [ -n "$name" ] || fail '--name is needed.' "See: sh $0 --help"
  [ -z "${DRAYAGE_JOIN_TOKEN:-}" ] || [ -n "$url" ] ||
    fail 'A join token is of use with --control-url only.' 'drayage device token prints both.'
  case $url in '' | https://*) ;; *) fail "The control URL '$url' is not an https one." 'drayage device token prints it.' ;; esac
  [ -d /run/systemd/system ] || fail 'This machine does not run systemd.' \
    'Start workers/node.ts by your own init; deploy/drayage-node.service says with what.'
  need dockerd 28.0 dockerd --version
  need runc 1.2.7 runc --version
  need criu 4.2 criu --version
  for program in ip tc nft rsync tar zstd perl; do
    command -v $program > /dev/null || fail "$program is missing." "Install it: apt-get install $PACKAGES"
  done
  [ -x /bin/busybox ] || fail 'There is no static /bin/busybox.' 'Install it: apt-get install busybox-static'
  [ -d "$root/node_modules/@temporalio" ] || fail "The npm packages are not installed in $root." "Run: npm ci --omit=dev"
  # Not any Node will do: Debian's, for one, is built without what runs TypeScript.
  node=$root/node_modules/node/bin/node
  case $("$node" -p process.features.typescript 2> /dev/null) in
    strip | transform) ;;
    *) fail "The Node of the npm packages ($node) does not run here." "Install them on this machine: npm ci --omit=dev" ;;
  esac
  case $(uname -m) in x86_64) native=x64 ;; aarch64) native=arm64 ;; *) native=$(uname -m) ;; esac
  [ -x "$root/device/native/bin/$native/memory-source" ] ||
    fail "The native helpers for $native have not been built." "Run: sh $root/scripts/native.sh"
}

# ---- set it up

# put FILE [MODE]: standard input becomes the file; fails (returns 1) when it was the same already
put() {
  new=$(mktemp "$1.XXXXXX")
  cat > "$new"
  chmod "${2:-644}" "$new"
  if cmp -s "$new" "$1"; then
    rm -f "$new"
    return 1
  fi
  mv "$new" "$1"
}

# What is set there already and does not concern Drayage stays.
docker_settings() {
  "$node" -e '
    const { existsSync, readFileSync } = require("node:fs");
    const [, file, runtime] = process.argv;
    const old = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
    console.log(JSON.stringify({
      ...old,
      "storage-driver": "overlay2",
      features: { ...old.features, "containerd-snapshotter": false },
      bridge: "none",
      "live-restore": true,
      runtimes: { ...old.runtimes, drayage: { path: runtime } },
    }, null, 2));' "$1" "$root/device/checkpoint/drayage-runc"
}

set_up_docker() {
  mkdir -p /etc/docker
  settings=$(docker_settings /etc/docker/daemon.json) ||
    fail '/etc/docker/daemon.json cannot be read.' 'It must be JSON; mend it, or move it away.'
  if printf '%s\n' "$settings" | put /etc/docker/daemon.json; then
    say 'Docker knows the runtime drayage; starting it anew'
    systemctl enable --quiet docker.service
    systemctl restart docker.service
  else
    systemctl enable --quiet --now docker.service
  fi
}

set_up_bridge() {
  if [ -z "$interface" ]; then
    [ -e "/sys/class/net/$bridge/bridge" ] ||
      fail "There is no bridge $bridge." "Make one, or name the card that a new one stands on: --interface eth0"
    return 0
  fi
  [ -e "/sys/class/net/$interface" ] || fail "There is no network card $interface." "See: ip link"
  mac=$(cat "/sys/class/net/$interface/address")
  changed=''
  # The card's own MAC for the bridge: else it takes over the lowest of its members', and changes it when a compute comes.
  printf '[NetDev]\nName=%s\nKind=bridge\nMACAddress=%s\n\n[Bridge]\nMulticastSnooping=no\nSTP=no\nForwardDelaySec=0\n' \
    "$bridge" "$mac" | put /etc/systemd/network/20-drayage-bridge.netdev && changed=1
  printf '[Match]\nName=%s\n\n[Network]\nBridge=%s\nLinkLocalAddressing=no\n' "$interface" "$bridge" |
    put /etc/systemd/network/20-drayage-port.network && changed=1
  {
    printf '[Match]\nName=%s\n\n[Network]\n' "$bridge"
    if [ -n "$address" ]; then printf 'Address=%s\n' "$address"; else printf 'DHCP=ipv4\n'; fi
    [ -z "$gateway" ] || printf 'Gateway=%s\n' "$gateway"
  } | put /etc/systemd/network/20-drayage-bridge.network && changed=1
  [ -n "$changed" ] || return 0
  say "putting $interface into the bridge $bridge"
  systemctl enable --quiet --now systemd-networkd.service
  networkctl reload
  waited=0
  until [ -n "$(bridge_address)" ]; do
    waited=$((waited + 1))
    [ $waited -le 300 ] || fail "The bridge $bridge has no address after 60 s." "See: networkctl status $bridge"
    sleep 0.2
  done
}
bridge_address() { ip -4 -o address show dev "$bridge" scope global 2> /dev/null | awk '{ sub("/.*", "", $4); print $4; exit }'; }

# Frames of computes cross the bridge as they are, whatever the engine's firewall says of packets. The device forwards packets
# before the engine starts: an engine that has to switch that on itself forbids it to all but its own containers.
set_up_filters() {
  printf '%s\n' 'net.bridge.bridge-nf-call-iptables = 0' 'net.bridge.bridge-nf-call-ip6tables = 0' \
    'net.bridge.bridge-nf-call-arptables = 0' 'net.ipv4.ip_forward = 1' | put /etc/sysctl.d/90-drayage.conf || :
  # Loaded now, so that the settings stand whoever asks for the module later.
  printf 'br_netfilter\n' | put /etc/modules-load.d/drayage.conf || :
  modprobe br_netfilter 2> /dev/null || :
  sysctl -qe -p /etc/sysctl.d/90-drayage.conf
}

set_up_service() {
  [ -n "$link" ] || link=$(bridge_address):7444
  mkdir -p -m 0700 /etc/drayage
  token=${DRAYAGE_JOIN_TOKEN:-}
  [ -n "$token" ] || token=$(sed -n 's/^DRAYAGE_JOIN_TOKEN=//p' /etc/drayage/node.env 2> /dev/null || :)
  [ -n "$url" ] || url=$(sed -n 's/^DRAYAGE_CONTROL_URL=//p' /etc/drayage/node.env 2> /dev/null || :)
  printf 'DRAYAGE_%s\n' "DEVICE_NAME=$name" "CONTROL_URL=$url" "JOIN_TOKEN=$token" "BRIDGE=$bridge" "LINK_LISTEN=$link" |
    put /etc/drayage/node.env 600 && changed=1 || changed=''
  sed -e "s|@ROOT@|$root|g" -e "s|@NODE@|$node|g" "$root/deploy/drayage-node.service" |
    put /etc/systemd/system/drayage-node.service && changed=1
  systemctl daemon-reload
  systemctl enable --quiet drayage-node.service
  if [ -n "$changed" ]; then systemctl restart drayage-node.service; else systemctl start drayage-node.service; fi
}

check_machine
set_up_filters
set_up_docker
set_up_bridge
set_up_service
say "$name runs; approve it in the control plane: drayage device approve $name"
if [ -z "$token" ]; then
  say 'first compare its key: drayage device show there, journalctl -u drayage-node here'
fi
