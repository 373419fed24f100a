#!/bin/sh
# extractJail.sh JAIL DIRECTORY PROGRAM ARGS...
# Runs a program that sees nothing of this machine but DIRECTORY (as its current directory) and, read-only, /usr:
# an archive from a peer can hold a symbolic link and, in a later archive, a file "behind" it, which tar would write to
# wherever the link points. In here there is nothing to point to. Runs in a mount namespace of its own (unshare --mount),
# so that nothing is left when the program ends. JAIL is an empty directory.
# busybox's mount is used because it calls mount(2) and needs no /proc.
set -e
jail=$1 directory=$2
shift 2
b=/bin/busybox
$b mount -t tmpfs -o mode=0700,size=64k,nr_inodes=64 drayage "$jail"
cd "$jail"
mkdir usr data old
$b mount -o bind /usr usr
for name in bin lib lib32 lib64 libx32 sbin; do
  if [ -L "/$name" ]; then
    cp -P "/$name" .
  elif [ -d "/$name" ]; then
    mkdir "$name"
    $b mount -o bind "/$name" "$name"
    $b mount -o remount,ro,bind "$name"
  fi
done
$b mount -o bind "$directory" data
$b mount -o remount,ro,bind usr
$b pivot_root . old
cd /
$b umount -l /old
rmdir old
cd data
exec "$@"
