#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# install.sh ROOT SCRATCH DEB TEST
#
# Installs a package in ROOT, as its user does, and leaves in SCRATCH what boots
# the outcome: vmlinuz, initrd.img and disk.img, whose /sbin/package-test is TEST.
# ROOT stays as it is. For a mount namespace that goes away with it.
set -e
root=$1 scratch=$2 deb=$3 test=$4

machine=$scratch/machine
mkdir "$scratch/upper" "$scratch/work" "$machine"
mount -t overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$machine"
inside() {
	chroot "$machine" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive "$@"
}

cp "$deb" "$machine/root/package.deb"
cp "$test" "$machine/sbin/package-test"
chmod 755 "$machine/sbin/package-test"
# What removing the package must come back to.
inside /sbin/package-test --list-files >"$scratch/before"
cp "$scratch/before" "$machine/root/before"

mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
inside apt-get -o APT::Sandbox::User=root install -y --no-install-recommends /root/package.deb
inside dkms status

cp "$(ls "$machine"/boot/vmlinuz-*)" "$scratch/vmlinuz"
cp "$(ls "$machine"/boot/initrd.img-*)" "$scratch/initrd.img"
# mke2fs copies what it sees: this view of the root is without the mounts in it.
mount --bind "$machine" "$machine/mnt"
truncate -s 6G "$scratch/disk.img"
mount --bind "$scratch" "$machine/media"
inside mke2fs -q -t ext4 -d /mnt /media/disk.img
