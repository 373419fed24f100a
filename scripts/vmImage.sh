#!/bin/sh
# Makes what a guest of the lab boots from:   scripts/vmImage.sh x64|arm64 FOLDER
# FOLDER gets vmlinuz, initrd.img, root.img (ext4, sparse) and busybox. Needs root, mmdebstrap, e2fsprogs, and for arm64
# elsewhere qemu-user with binfmt_misc. What is installed is a plain Debian with systemd; the device's own parts come from
# deploy/install-device.sh, which runs in the guest.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=$2

SUITE=forky
PACKAGES='systemd-sysv dbus udev kmod openssh-server initramfs-tools lz4 iproute2 procps util-linux e2fsprogs
  ca-certificates netbase iputils-ping iputils-arping nftables iptables tar zstd rsync perl-base busybox-static nodejs
  docker.io docker-cli containerd runc criu'
case $1 in
  x64) debian=amd64 ;;
  arm64) debian=arm64 ;;
  *) echo "scripts/vmImage.sh: architecture $1 is not known" >&2; exit 2 ;;
esac
tree=$folder/tree

# Programs of another architecture are run by the kernel's binfmt_misc; nothing has mounted it in a container.
if [ "$(dpkg --print-architecture)" != "$debian" ]; then
  registry=/proc/sys/fs/binfmt_misc
  [ -e $registry/status ] || mount -t binfmt_misc binfmt_misc $registry
  [ -e $registry/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
fi

# The initial file system holds only what finds the disk: it is unpacked by an emulated processor.
mmdebstrap --mode=root --variant=minbase --architectures="$debian" --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"
    printf "MODULES=list\nCOMPRESS=lz4\n" > "$1/etc/initramfs-tools/conf.d/drayage"
    printf "virtio_pci\nvirtio_mmio\nvirtio_blk\next4\n" > "$1/etc/initramfs-tools/modules"' \
  --include="$(echo $PACKAGES "linux-image-$debian" | tr ' ' ',')" "$SUITE" "$tree"

# A host key of one's own is made at the first boot; the machine id too.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/etc/hostname" "$tree/var/lib/dbus/machine-id"
: > "$tree/etc/machine-id"
cp "$here"/guest/*.network "$tree/etc/systemd/network/"
cp "$here"/guest/*.service "$tree/etc/systemd/system/"
mkdir -p "$tree/opt/drayage"
printf '%s\n' '/dev/vda / ext4 defaults,noatime 0 0' \
  'LABEL=drayage-code /opt/drayage ext4 ro,noatime 0 0' \
  'LABEL=drayage-packages /opt/drayage/node_modules ext4 ro,noatime 0 0' > "$tree/etc/fstab"
chroot "$tree" systemctl enable -q systemd-networkd.service ssh.service guest-host-keys.service
# Docker starts once the install script has told it how.
chroot "$tree" systemctl disable -q docker.service docker.socket
chroot "$tree" systemctl mask -q systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-networkd-wait-online.service systemd-pstore.service \
  systemd-hwdb-update.service getty.target
# Nothing is to be brought up to date at the first boot.
touch "$tree/etc/.updated" "$tree/var/.updated"

cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$tree"/boot/initrd.img-* "$folder/initrd.img"
cp "$tree/bin/busybox" "$folder/busybox"
cp "$tree"/boot/config-* "$folder/kernel-config"
truncate -s 12G "$folder/root.img"
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$tree" "$folder/root.img"
rm -rf "$tree"
