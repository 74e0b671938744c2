#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# enter.sh ROOT PACKAGES WORK COMMAND...
#
# Runs a command in ROOT with PACKAGES mounted over it, both read-only, and with
# WORK at /mnt, its working folder. The caller runs this script in a mount
# namespace of its own, which ends with the command.
set -e
root=$1 packages=$2 work=$3
shift 3
mount -t overlay -o "ro,lowerdir=$packages:$root" overlay "$root"
mount --bind "$work" "$root/mnt"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" /usr/bin/env -i -C /mnt PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C TZ=UTC "$@"
