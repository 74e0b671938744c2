# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
#
# What polling does for a virtio disk. Sourced by poll_source.sh, which has the
# switch's tests and runs all.

DRIVER=/sys/devices/system/cpu/cpuidle/current_driver
WAIT=/sys/module/haltpoll/parameters/guest_halt_poll_ns
SOURCES=/sys/kernel/debug/poll_source/sources

# The CPU waits so long at least, while the test runs.
WAIT_NS=10000000
# So many of 100 reads interrupt; some may share an interrupt.
INTERRUPTS_OFF=70
# A run takes so long, in hundredths of a second.
RUN=50
# Blocks of 4k to compare. Nobody writes to the first MiB of a disk in use.
COMPARED=256
FLIPS=50
# In seconds.
FLIP_LIMIT=30

disk_blocks()
{
	echo $(($(cat "/sys/block/$1/size") / 8))
}

# Virtio disks that have the switch and something to compare.
disks()
{
	for link in /sys/block/vd*; do
		[ -e "$link/device/poll_source" ] || continue
		[ "$(disk_blocks "${link##*/}")" -lt "$COMPARED" ] || echo "${link##*/}"
	done
}

# Of the device's lines in /proc/interrupts the "numbers" or the "sum" of counts.
# A vector's name is virtio0-req.0, an interrupt line's virtio0.
interrupts()
{
	awk -v device="$device" -v what="$1" '
		NR == 1 { cpus = NF; next }
		{
			mine = 0
			for (i = cpus + 2; i <= NF; i++) {
				name = $i
				sub(/,$/, "", name)
				if (name == device || index(name, device "-") == 1)
					mine = name !~ /-config$/
			}
			if (!mine)
				next
			if (what == "numbers")
				print $1 + 0
			for (i = 2; i <= cpus + 1; i++)
				sum += $i
		}
		END { if (what == "sum") printf "%.0f\n", sum }
	' /proc/interrupts
}

# Reads and writes that the disk has completed.
completed()
{
	awk '{ printf "%.0f\n", $1 + $5 }' "/sys/block/$disk/stat"
}

# In hundredths of a second.
now()
{
	read -r uptime _ < /proc/uptime
	# "0.08" is no octal number.
	echo $((${uptime%.*} * 100 + 1${uptime#*.} - 100))
}

decimal()
{
	printf '%d.%02d\n' $(($1 / 100)) $(($1 % 100))
}

# The CPU that takes the disk's first interrupt does the reading: it will be the
# one that waits for the disk, and polls it.
pin()
{
	number=$(interrupts numbers | head -n 1)
	cpu=$(cat "/proc/irq/$number/effective_affinity_list" 2>/dev/null)
	if [ -n "$cpu" ] && taskset -c "$cpu" true 2>/dev/null; then
		echo "taskset -c $cpu"
	fi
}

# $count reads. Leaves $reads and $irqs of that time, reads/s in $rate, and the
# interrupts of 100 reads in $share.
run()
{
	reads=$(completed)
	irqs=$(interrupts sum)
	took=$(now)
	$pinned dd if="/dev/$disk" of=/dev/null bs=4k count="$count" iflag=direct \
		2>/dev/null || return 1
	took=$(($(now) - took))
	irqs=$(($(interrupts sum) - irqs))
	reads=$(($(completed) - reads))
	[ "$reads" -gt 0 ] || return 1
	[ "$took" -gt 0 ] || took=1
	rate=$((reads * 100 / took))
	share=$((irqs * 100 / reads))
}

# How many reads make a run. The CPU gets used to waiting meanwhile.
size_run()
{
	blocks=$(disk_blocks "$disk")
	count=64
	run || return 1
	while [ "$took" -lt "$RUN" ] && [ "$count" -lt "$blocks" ]; do
		count=$((count * 2))
		[ "$count" -lt "$blocks" ] || count=$blocks
		run || return 1
	done
}

# Choose a disk and get ready. Leaves in $unfit why that cannot be.
prepare()
{
	unfit=
	if [ "$(cat "$DRIVER" 2>/dev/null)" != haltpoll ]; then
		unfit="haltpoll does not drive the idle loop, try cpuidle_haltpoll.force=1"
		return
	fi
	[ -n "$disk" ] || disk=$(disks | head -n 1)
	if [ -z "$disk" ] || [ ! -e "/sys/block/$disk/device/poll_source" ]; then
		unfit="no virtio disk ${disk:-of 1 MiB or more}"
		return
	fi
	device=$(basename "$(readlink -f "/sys/block/$disk/device")")
	switch=$VIRTIO/$device/poll_source
	if [ -z "$(interrupts numbers)" ]; then
		unfit="$device is not in /proc/interrupts"
		return
	fi
	put "$switch" 1
	status=$(cat "${switch}_status")
	put "$switch" 0
	if [ "$status" != polled ]; then
		unfit="$device is not polled: $status"
		return
	fi

	[ "$(cat "$WAIT")" -ge "$WAIT_NS" ] || put "$WAIT" "$WAIT_NS"
	pinned=$(pin)
	if ! size_run; then
		unfit="dd iflag=direct does not read $disk"
	elif [ "$rate" -eq 0 ] || [ $((2000000000 / rate)) -gt "$(cat "$WAIT")" ]; then
		unfit="a read of $disk takes longer than half of the CPU's wait"
	fi
}

# Pairs of runs, then one more without polling. Leaves the interrupts of 100
# reads in $share_off, $share_on and $share_again, and prints the ratio.
measure()
{
	share_off=0
	share_on=0
	share_again=0
	[ -z "$unfit" ] || return
	wait_us=$(($(cat "$WAIT") / 1000))
	ktap_print_msg "$disk is $device, runs of $count reads, the CPU waits $wait_us us at most"

	irqs_off=0
	reads_off=0
	irqs_on=0
	reads_on=0
	pair=0
	while [ "$pair" -lt "$pairs" ]; do
		pair=$((pair + 1))
		put "$switch" 0
		run || return
		irqs_off=$((irqs_off + irqs))
		reads_off=$((reads_off + reads))
		rate_off=$rate
		line="off: $rate reads/s, $(decimal "$share") interrupts a read"

		put "$switch" 1
		run || return
		irqs_on=$((irqs_on + irqs))
		reads_on=$((reads_on + reads))
		echo $((rate * 100 / rate_off)) >> "$tmp/ratios"
		ktap_print_msg "$line, on: $rate reads/s, $(decimal "$share")"
	done
	share_off=$((irqs_off * 100 / reads_off))
	share_on=$((irqs_on * 100 / reads_on))

	put "$switch" 0
	run || return
	share_again=$share
	ktap_print_msg "off: $rate reads/s, $(decimal "$share") interrupts a read"

	sort -n "$tmp/ratios" > "$tmp/sorted"
	ktap_print_msg "ratio $(ratio $(((pairs + 1) / 2)))" \
		"($(ratio 1) to $(ratio "$pairs")):" \
		"reads/s with the switch on to off, median and range of $pairs pairs"
}

ratio()
{
	decimal "$(sed -n "${1}p" "$tmp/sorted")"
}

interrupts_off()
{
	why="$(decimal "$1") interrupts a read, at least $(decimal $INTERRUPTS_OFF) wanted"
	[ "$1" -ge "$INTERRUPTS_OFF" ]
}

interrupts_on()
{
	why="$(decimal "$share_on") interrupts a read, wanted less than half of"
	why="$why $(decimal "$share_off")"
	[ $((share_on * 2)) -lt "$share_off" ]
}

hits()
{
	awk -v device="$device" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == "hits") column = i }
		index($1, device "/") == 1 { sum += $column }
		END { printf "%.0f\n", sum }
	' "$SOURCES"
}

counts()
{
	if [ ! -e "$SOURCES" ]; then
		why="debugfs is not mounted"
		return "$KSFT_SKIP"
	fi
	put "$switch" 1
	before=$(hits)
	run
	after=$(hits)
	put "$switch" 0
	why="$((after - before)) hits, $reads reads"
	[ "$after" -gt "$before" ]
}

# Copy what is compared of disk $1 to file $2.
copy()
{
	dd if="/dev/$1" of="$2" bs=4k count="$COMPARED" iflag=direct 2>/dev/null
}

same_data()
{
	for each in $(disks); do
		file=/sys/block/$each/device/poll_source
		put "$file" 0
		copy "$each" "$tmp/off" || return 1
		put "$file" 1
		copy "$each" "$tmp/on" || return 1
		put "$file" 0
		if ! cmp -s "$tmp/off" "$tmp/on"; then
			why="$each reads otherwise"
			return 1
		fi
	done
}

# A reader for each round; what it read is in $tmp/read when it is done.
flip()
{
	file=/sys/block/$1/device/poll_source
	copy "$1" "$tmp/wanted" || return 1
	limit=$(($(now) + FLIP_LIMIT * 100))
	flips=0
	while [ "$flips" -lt "$FLIPS" ]; do
		{
			copy "$1" "$tmp/reading"
			mv "$tmp/reading" "$tmp/read"
		} &
		while [ ! -e "$tmp/read" ]; do
			put "$file" 1
			put "$file" 0
			flips=$((flips + 1))
			if [ "$(now)" -gt "$limit" ]; then
				why="$1 has not done $COMPARED reads in $FLIP_LIMIT s"
				return 1
			fi
		done
		wait
		if ! cmp -s "$tmp/wanted" "$tmp/read"; then
			why="$1 reads otherwise"
			return 1
		fi
		rm "$tmp/read"
	done
}

flips()
{
	for each in $(disks); do
		flip "$each" || return 1
	done
}
