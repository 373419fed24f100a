#!/bin/sh
# Makes what a guest of the lab boots from:   scripts/vmImage.sh x64|arm64 FOLDER
# FOLDER gets vmlinuz, initrd.img, root.img (ext4, sparse) and busybox. Needs root, mmdebstrap, e2fsprogs, and for arm64
# elsewhere qemu-user with binfmt_misc. What is installed is a plain Debian with systemd; the device's own parts come from
# deploy/install-device.sh, which runs in the guest.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=$2

SUITE=forky
PACKAGES='systemd-sysv dbus udev kmod openssh-server initramfs-tools iproute2 procps util-linux e2fsprogs
  ca-certificates netbase iputils-ping iputils-arping nftables iptables tar zstd rsync perl-base busybox-static nodejs
  docker.io docker-cli containerd runc criu'
UNUSED='systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
  dpkg-db-backup.timer systemd-networkd-wait-online.service systemd-pstore.service systemd-hwdb-update.service getty.target
  systemd-journal-flush.service systemd-random-seed.service systemd-update-utmp.service systemd-tpm2-setup.service
  systemd-tpm2-setup-early.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
  sys-fs-fuse-connections.mount systemd-udev-load-credentials.service logrotate.timer systemd-tmpfiles-clean.timer'
# What the kernel needs to find its disks and cards.
MODULES='virtio_pci virtio_blk virtio_net ext4'

case $1 in
  x64) debian=amd64 ;;
  arm64) debian=arm64 ;;
  *) echo "scripts/vmImage.sh: architecture $1 is not known" >&2; exit 2 ;;
esac
tree=$folder/tree

# make_initrd FILE: no more than what mounts the disk, for it is unpacked and run by an emulated processor.
make_initrd() {
  staged=$folder/initrd
  version=$(ls "$tree/lib/modules")
  mkdir -p "$staged/bin" "$staged/lib" "$staged/proc" "$staged/dev" "$staged/root"
  cp "$tree/bin/busybox" "$staged/bin/"
  {
    printf '#!/bin/busybox sh\n'
    printf '/bin/busybox mount -t proc proc /proc\n/bin/busybox mount -t devtmpfs dev /dev\n'
    for module in $MODULES; do chroot "$tree" modprobe -S "$version" --show-depends $module; done |
      awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
      while read -r file; do
        name=$(basename "${file%.xz}")
        xz -dc "$tree$file" > "$staged/lib/$name"
        printf '/bin/busybox insmod /lib/%s\n' "$name"
      done
    printf 'until /bin/busybox mount -t ext4 /dev/vda /root; do /bin/busybox sleep 0.2; done\n'
    printf '/bin/busybox umount /proc\n/bin/busybox mount --move /dev /root/dev\n'
    printf 'exec /bin/busybox switch_root /root /sbin/init\n'
  } > "$staged/init"
  chmod 755 "$staged/init"
  (cd "$staged" && find . | busybox cpio -o -H newc 2> /dev/null) | gzip -1 > "$1"
  rm -rf "$staged"
}

# Programs of another architecture are run by the kernel's binfmt_misc; nothing has mounted it in a container.
if [ "$(dpkg --print-architecture)" != "$debian" ]; then
  registry=/proc/sys/fs/binfmt_misc
  [ -e $registry/status ] || mount -t binfmt_misc binfmt_misc $registry
  [ -e $registry/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
fi

mmdebstrap --mode=root --variant=minbase --architectures="$debian" --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='chroot "$1" dpkg-divert --quiet --local --rename --divert /usr/sbin/update-initramfs.real /usr/sbin/update-initramfs
    ln -s /bin/true "$1/usr/sbin/update-initramfs"' \
  --include="$(echo $PACKAGES "linux-image-$debian" | tr ' ' ',')" "$SUITE" "$tree"

# A host key of one's own is made at the first boot; the machine id too.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/etc/hostname" "$tree/var/lib/dbus/machine-id"
: > "$tree/etc/machine-id"
cp -r "$here"/guest/etc "$tree/"
mkdir -p "$tree/opt/drayage"
for unit in systemd-networkd.service ssh.service guest-host-keys.service; do
  chroot "$tree" systemctl enable -q $unit
done
# Docker starts once the install script has told it how; the rest is of no use here, and every program that starts is
# translated anew.
chroot "$tree" systemctl disable -q docker.service docker.socket
for unit in $UNUSED; do ln -sfn /dev/null "$tree/etc/systemd/system/$unit"; done
# Nothing is to be brought up to date at the first boot.
touch "$tree/etc/.updated" "$tree/var/.updated"

make_initrd "$folder/initrd.img"
cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$tree/bin/busybox" "$folder/busybox"
cp "$tree"/boot/config-* "$folder/kernel-config"
truncate -s 12G "$folder/root.img"
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$tree" "$folder/root.img"
rm -rf "$tree"
