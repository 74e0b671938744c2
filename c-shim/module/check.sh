#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Checks whether the module can be built for the kernel whose headers are in the
# folder $1. If not, prints the reason in one message, where kbuild would print a
# hundred lines. Exit codes:
#
#	0	it can be built	(perhaps with a warning)
#	10	no headers		15	kernel without loadable modules
#	11	no rustc		16	kernel not for x86_64
#	12	rustc too old		17	PREEMPT_RT kernel
#	13	no source of `core`	18	kernel with poll sources of its own
#	14	no C compiler		19	kernel without what the module hooks into

# The oldest rustc that the module was built with: the one of Debian 13.
min_rustc=1.85.0
# The kernels that the module was built and tested with. dkms.conf has them, too.
min_linux=6.12
max_linux=7.3

# With these, rustc would look for a job server that make has not passed on.
unset MAKEFLAGS MFLAGS
rustc=${RUSTC:-rustc}
headers=$1
if [ $# -ne 1 ] || [ -z "$headers" ]; then
	echo "usage: $0 HEADERS" >&2
	exit 2
fi

fail() {
	code=$1
	shift
	echo "poll_source: error: $*" >&2
	exit "$code"
}

warn() {
	echo "poll_source: warning: $*" >&2
}

has() {
	grep -q "^$1=[ym]" "$auto_conf"
}

value() {
	sed -n "s/^$1=//p" "$auto_conf" | tr -d '"'
}

# 1.85.0 -> 1085000
number() {
	echo "$1" | { IFS=. read -r major minor patch; echo $((major * 1000000 + minor * 1000 + ${patch:-0})); }
}

# The kernel's release, for the command in the message that installs its headers.
release=$(uname -r)
case $headers in
/lib/modules/*/build)
	release=${headers#/lib/modules/}
	release=${release%/build}
	;;
esac

auto_conf=$headers/include/config/auto.conf
[ -e "$headers/Makefile" ] || fail 10 "there are no kernel headers in $headers:" \
	"apt install linux-headers-$release, or name their folder with KDIR="
[ -r "$auto_conf" ] || fail 10 "$headers has no include/config/auto.conf: it is a kernel's source," \
	"not its headers; run 'make modules_prepare' there, or name another folder with KDIR="

# Checks the kernel before the tools: for an unsuitable kernel no tool helps.
has CONFIG_X86_64 || fail 16 "the kernel of $headers is not for x86_64, which the module is written for"
has CONFIG_MODULES || fail 15 "the kernel of $headers cannot load modules: build it with CONFIG_MODULES=y"
has CONFIG_PREEMPT_RT && fail 17 "the kernel of $headers is PREEMPT_RT, where locks sleep" \
	"and the idle task cannot run softirqs: use a kernel without PREEMPT_RT"
has CONFIG_CPU_IDLE_POLL_SOURCE && fail 18 "the kernel of $headers has poll sources built in:" \
	"use those (/sys/bus/virtio/devices/*/poll_source), without this module"
for dir in "$headers" "$headers/source"; do
	[ ! -e "$dir/include/linux/poll_source.h" ] || fail 18 "the kernel of $headers was made with the" \
		"series of patches: build it with CONFIG_CPU_IDLE_POLL_SOURCE=y, without this module"
done
linux=$(sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' "$headers/include/config/kernel.release" 2>/dev/null)
if [ -n "$linux" ]; then
	[ "$(number "$linux")" -ge "$(number "$min_linux")" ] || fail 19 "the kernel of $headers is Linux $linux," \
		"which lacks what the module hooks into: the module is for Linux $min_linux to $max_linux"
	[ "$(number "$linux")" -le "$(number "$max_linux")" ] || warn "the kernel of $headers is Linux $linux," \
		"and the module was tested with $min_linux to $max_linux only"
fi
for option in CONFIG_CPU_IDLE CONFIG_VIRTIO; do
	has "$option" || fail 19 "the kernel of $headers lacks $option, which the module needs"
done
# Without TASKS_RCU, synchronize_rcu_tasks() does not wait for preempted tasks.
if has CONFIG_PREEMPTION && ! has CONFIG_TASKS_RCU; then
	fail 19 "the kernel of $headers is preemptible and lacks CONFIG_TASKS_RCU, which unloading the" \
		"module needs: build it with CONFIG_KPROBES=y or CONFIG_BPF_SYSCALL=y"
fi

command -v "$rustc" >/dev/null 2>&1 || fail 11 "there is no $rustc: apt install rustc rust-src"
version=$("$rustc" --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p')
[ -n "$version" ] || fail 11 "$rustc --version reports no version: apt install rustc rust-src," \
	"or name another with RUSTC="
[ "$(number "$version")" -ge "$(number "$min_rustc")" ] || fail 12 "$rustc is $version," \
	"at least $min_rustc is needed: install a newer one with its rust-src, and name it with RUSTC="
core=$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs
[ -e "$core" ] || fail 13 "$rustc $version comes without the source of core ($core):" \
	"apt install rust-src, or with rustup: rustup component add rust-src"

# kbuild accepts another compiler than the kernel's, so this is only a warning.
if has CONFIG_CC_IS_CLANG; then
	built_by=clang
else
	version=$(value CONFIG_GCC_VERSION)
	built_by=gcc-$((${version:-0} / 10000))
fi
# Debian's headers name their compiler. Other headers use make's CC.
cc=${CC:-gcc}
[ "$cc" != cc ] || cc=gcc
grep -qs "^CC = .*$built_by" "$headers/.kernelvariables" && cc=$built_by
command -v "${cc%% *}" >/dev/null 2>&1 || fail 14 "there is no C compiler $cc: apt install $built_by"
is=$($cc --version | head -n 1)
case $is in
*clang*) is=clang ;;
*) is=gcc-$($cc -dumpversion | sed 's/\..*//') ;;
esac
[ "$is" = "$built_by" ] || warn "the kernel was built by $built_by and the module will be by $is:" \
	"if that fails, apt install $built_by and give CC=$built_by"
exit 0
