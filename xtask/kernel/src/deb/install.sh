#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs the kernel with poll_source on a VM of Debian or Ubuntu, and makes GRUB boot that kernel.
# cloud-init runs this script once. /etc/poll-source/kernel sets RELEASE, DEBS and URL, which may be
# empty.
set -eu
. /etc/poll-source/kernel

work=$(mktemp -d)
if [ -n "$URL" ]; then
	for deb in $DEBS; do
		wget -q -O "$work/$deb" "$URL/$deb"
	done
else
	mkdir "$work/disk"
	mount -o ro LABEL=cidata "$work/disk"
	for deb in $DEBS; do
		cp "$work/disk/$deb" "$work"
	done
	umount "$work/disk"
fi
cd "$work"
sha256sum --check --strict /etc/poll-source/SHA256SUMS
# The kernel's own hooks make the initramfs and run update-grub.
dpkg --install $DEBS

# Select the kernel by name, because GRUB may take a distribution's kernel for the newer one.
entry=$(sed -n "s/.*'\(gnulinux-$RELEASE-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg | head -n 1)
grub-set-default "gnulinux-advanced-${entry##*-advanced-}>$entry"
rm -r "$work"
touch /etc/poll-source/installed
