#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The only program of a guest in which the package is installed: is what it
# promises there, and is the machine as before when the package is gone? Runs as
# process 1, prints each check on the console, and powers the machine off. vda is
# the root file system, vdb a disk that answers after a set time.

# Files that a package can leave behind. What these programs keep for themselves
# changes whenever they run: indexes, logs, caches, DKMS' key for signing.
list_files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \
		-o -path /mnt -o -path /media -o -path /root -o -path /lost+found -o -path /var/log -o -path /var/cache \
		-o -path /var/lib/apt -o -path /var/lib/dpkg -o -name 'mok.*' -o -name 'modules.*' \
		\) -prune -o -print | sort
}
if [ "$1" = --list-files ]; then
	list_files
	exit
fi

say() {
	echo "package-test: $*"
}

finish() {
	say "$*"
	sync
	echo o >/proc/sysrq-trigger
	sleep 60
}

failed=0
# check WHAT CONDITION...
check() {
	local what=$1
	shift
	if "$@"; then
		say "ok: $what"
	else
		say "FAILED: $what"
		failed=$((failed + 1))
	fi
}

is() {
	[ "$1" = "$2" ] || { say "  found \"$1\", expected \"$2\""; return 1; }
}

at_most() {
	[ "$1" -le "$2" ] || { say "  $1 is more than $2"; return 1; }
}

not() {
	! "$@"
}

device=$(basename "$(readlink /sys/block/vdb/device)")
switch=/sys/bus/virtio/devices/$device/poll_source

interrupts() {
	awk -v name="$device-req" '$NF ~ name { for (i = 2; i < NF; i++) if ($i ~ /^[0-9]+$/) sum += $i } END { print sum }' /proc/interrupts
}

# Interrupts of the disk in a thousand reads, of which each waits for the last.
reads() {
	local before
	before=$(interrupts)
	dd if=/dev/vdb of=/dev/null bs=4k count=1000 iflag=direct status=none || say "dd failed"
	echo $(($(interrupts) - before))
}

idle_driver() {
	cat /sys/devices/system/cpu/cpuidle/current_driver
}

export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /run || mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# As the other guests under TCG, it boots on one CPU: see ci/init's cpus.rs.
for online in /sys/devices/system/cpu/cpu*/online; do
	[ "$(cat "$online")" = 1 ] || echo 1 >"$online"
done
say "Linux $(uname -r), $(nproc) CPUs, idle driver $(idle_driver)"

driver=$(idle_driver)
check "the module is not loaded at boot" not test -e /sys/module/poll_source
check "without the module there is no switch" not test -e "$switch"
without=$(reads)
check "each read causes an interrupt ($without of 1000)" at_most 900 "$without"

check "DKMS signed the module" is "$(modinfo -F signer poll_source)" "DKMS module signing key"
check "modprobe" modprobe poll_source
check "the switch is off" is "$(cat "$switch")" 0
echo 1 >"$switch"
say "status: $(cat "${switch}_status")"
with=$(reads)
check "few reads cause an interrupt ($with of 1000)" at_most "$with" 500

say "removing the package"
apt-get remove -y poll-source-dkms </dev/null
check "apt remove" is $? 0
check "the module is unloaded" not test -e /sys/module/poll_source
check "the switch is gone" not test -e "$switch"
check "the idle driver is the same as before" is "$(idle_driver)" "$driver"
check "modprobe finds no module" not modprobe -q poll_source
check "dpkg does not list the package" not dpkg -s poll-source-dkms 2>/dev/null
check "DKMS does not list the module" is "$(dkms status)" ""
list_files >/tmp/after
check "no file is left" diff /root/before /tmp/after
after=$(reads)
check "each read causes an interrupt again ($after of 1000)" at_most 900 "$after"

if [ $failed = 0 ]; then
	finish "verdict: pass"
else
	finish "verdict: $failed checks failed"
fi
