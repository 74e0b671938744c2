#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The poll_source switch of virtio devices, and what it is there for: a disk that
# is polled while a CPU waits does not interrupt it.
#
# Usage: poll_source.sh [-d DISK] [-p PAIRS]
#
#	-d DISK		measure this one, such as vda (default: the first that will do)
#	-p PAIRS	in so many pairs of runs, switch off and on (default: 6)
#
# Disks are read, never written. What is set is set back in the end.
#
# haltpoll must drive the idle loop; outside of KVM, or without its realtime hint,
# that takes cpuidle_haltpoll.force=1. The disk must be faster than the CPU's wait
# is long, which the test raises to 10 ms (haltpoll.guest_halt_poll_ns).
#
# The "# ratio" line tells what polling gains on this machine. It is no test.

DIR="$(dirname "$(readlink -f "$0")")"

# shellcheck source=/dev/null
. "$DIR"/../kselftest/ktap_helpers.sh

# shellcheck source=disk.sh
. "$DIR"/disk.sh

VIRTIO=/sys/bus/virtio/devices
DEFAULT=/sys/module/virtio/parameters/poll_source

TESTS=11

disk=
pairs=6
while getopts d:p: option; do
	case $option in
	d)	disk=$OPTARG ;;
	p)	pairs=$OPTARG ;;
	*)	exit "$KSFT_FAIL" ;;
	esac
done

# Run a test, which leaves what it found in $why.
check()
{
	name=$1
	shift
	why=
	"$@"
	case $? in
	0)		outcome=ktap_test_pass ;;
	"$KSFT_SKIP")	outcome=ktap_test_skip ;;
	*)		outcome=ktap_test_fail ;;
	esac
	[ -z "$why" ] || ktap_print_msg "$name: $why"
	$outcome "$name"
}

# A test of the disk, if there is one that will do.
check_disk()
{
	if [ -n "$unfit" ]; then
		ktap_test_skip "$1"
	else
		check "$@"
	fi
}

put()
{
	printf '%s\n' "$2" 2>/dev/null > "$1"
}

devices()
{
	ls "$VIRTIO"
}

# What was set before the test, as lines of "file value".
remember()
{
	for device in $(devices); do
		file=$VIRTIO/$device/poll_source
		echo "$file $(cat "$file")"
	done
	for file in "$DEFAULT" "$WAIT"; do
		[ ! -e "$file" ] || echo "$file $(cat "$file")"
	done
}

restore()
{
	while read -r file value; do
		# A device that came anew may have another name.
		[ ! -e "$file" ] || put "$file" "$value"
	done < "$tmp/before"
	rm -r "$tmp"
}

attributes()
{
	for device in $(devices); do
		for wanted in poll_source:0:644 poll_source_status:0:444; do
			file=$VIRTIO/$device/${wanted%%:*}
			mode=$(stat -c %u:%a "$file") || return 1
			if [ "$mode" != "${wanted#*:}" ]; then
				why="$file has owner and mode $mode"
				return 1
			fi
		done
	done
}

takes()
{
	for word in 1=1 0=0 y=1 n=0 Y=1 N=0 on=1 off=0 true=1 false=0; do
		put "$switch" "${word%=*}"
		value=$(cat "$switch")
		if [ "$value" != "${word#*=}" ]; then
			why="${word%=*} makes it $value"
			return 1
		fi
	done
}

refuses()
{
	put "$switch" 1
	for word in 2 -1 maybe oops ''; do
		# Not every shell's echo tells which error it was.
		if said=$(echo "$word" | LC_ALL=C dd of="$switch" conv=notrunc 2>&1); then
			why="it takes '$word'"
			return 1
		fi
		case $said in
		*"Invalid argument"*) ;;
		*)	why="'$word': $said"
			return 1 ;;
		esac
	done
	if [ "$(cat "$switch")" != 1 ]; then
		why="a word that it refused changed it"
		return 1
	fi
}

tells()
{
	for device in $(devices); do
		for value in 0 1; do
			put "$VIRTIO/$device/poll_source" "$value"
			status=$(cat "$VIRTIO/$device/poll_source_status")
			case $value:$status in
			0:off) ;;
			1:polled) ;;
			1:"no queue has an interrupt") ;;
			1:"no CPU takes its interrupts") ;;
			1:"the idle loop has no polling state") ;;
			1:"interrupt handlers are threads") ;;
			1:"the ring is packed") ;;
			1:"the ring has no event index") ;;
			1:"the ring is too large") ;;
			1:"the ring's byte order is not the CPU's") ;;
			*)	why="$device: switch $value, status '$status'"
				return 1 ;;
			esac
		done
		put "$VIRTIO/$device/poll_source" 0
	done
}

# The PCI address of a device that nobody misses for a moment.
entropy_device()
{
	for device in $(devices); do
		[ "$(cat "$VIRTIO/$device/device")" = 0x0004 ] || continue
		parent=$(dirname "$(readlink -f "$VIRTIO/$device")")
		[ ! -e /sys/bus/pci/devices/"${parent##*/}" ] || echo "${parent##*/}"
	done
}

is_default()
{
	address=$(entropy_device | head -n 1)
	if [ -z "$address" ]; then
		why="no virtio entropy device that could come anew"
		return "$KSFT_SKIP"
	fi
	driver=$(readlink -f "/sys/bus/pci/devices/$address/driver")
	for value in Y N; do
		put "$DEFAULT" "$value"
		put "$driver/unbind" "$address"
		put "$driver/bind" "$address"
		came=$(cat "/sys/bus/pci/devices/$address"/virtio*/poll_source)
		case $value:$came in
		Y:1|N:0) ;;
		*)	why="the parameter is $value, a new device's switch '$came'"
			return 1 ;;
		esac
	done
}

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "this takes root"
	exit "$KSFT_SKIP"
fi
first=$(devices 2>/dev/null | head -n 1)
if [ ! -e "$VIRTIO/${first:-none}/poll_source" ]; then
	ktap_skip_all "no virtio device, or a kernel without CONFIG_CPU_IDLE_POLL_SOURCE"
	exit "$KSFT_SKIP"
fi

tmp=$(mktemp -d) || ktap_exit_fail_msg "no temporary folder"
remember > "$tmp/before"
trap restore EXIT
trap 'exit 1' HUP INT TERM

ktap_set_plan "$TESTS"
switch=$VIRTIO/$first/poll_source
check "each device has the switch and its status" attributes
check "the switch takes what a boolean parameter takes" takes
check "the switch refuses all else with EINVAL" refuses
check "the status is one of those documented" tells
check "virtio.poll_source is the default of the switch" is_default

prepare
[ -z "$unfit" ] || ktap_print_msg "$unfit"
measure
check_disk "off: the disk interrupts for each read" interrupts_off "$share_off"
check_disk "on: it interrupts for less than half as many" interrupts_on
check_disk "off again: the interrupts are back" interrupts_off "$share_again"
check_disk "on: debugfs counts the hits" counts
check_disk "on: disks read the same data" same_data
check_disk "flipped while disks are read: no read is lost" flips

ktap_finished
