#!/bin/sh
# First process of a lab device, in fresh mount, pid, uts, ipc and time namespaces: builds the device's file system,
# says on file 3 by which process id this machine knows it, and becomes the device's init.
# Needs: NAME, ROOTFS, DISK (image file), CHECKOUT, MOUNT (an empty folder), HOSTS and DAEMON (texts of files in /etc).
set -eu

# /proc is still the machine's, so this is not 1 but the id by which the machine knows this process.
read -r pid rest < /proc/self/stat

hostname "$NAME"
mount -t tmpfs -o size=1m,mode=700 lab "$MOUNT"
mkdir "$MOUNT/disk" "$MOUNT/root"
mount -o loop,noatime "$DISK" "$MOUNT/disk"
for directory in upper work docker drayage; do
  mkdir -p "$MOUNT/disk/$directory"
done
mount -t overlay overlay -o "lowerdir=$ROOTFS,upperdir=$MOUNT/disk/upper,workdir=$MOUNT/disk/work" "$MOUNT/root"

cd "$MOUNT/root"
mkdir -p old opt/drayage var/lib/docker var/lib/drayage etc/docker
mount --bind "$MOUNT/disk/docker" var/lib/docker
mount --bind "$MOUNT/disk/drayage" var/lib/drayage
mount --bind "$CHECKOUT" opt/drayage
mount -o remount,bind,ro opt/drayage
printf '%s' "$HOSTS" > etc/hosts
printf '%s\n' "$NAME" > etc/hostname
printf '%s' "$DAEMON" > etc/docker/daemon.json

pivot_root . old
cd /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount --rbind /old/sys/fs/cgroup /sys/fs/cgroup
mount -t devtmpfs devtmpfs /dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
umount -l /old
rmdir /old

echo "$pid" >&3
exec 3>&-
# tini reaps what programs leave behind; the device is up for as long as the sleep is.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /usr/bin/tini -- sleep infinity
