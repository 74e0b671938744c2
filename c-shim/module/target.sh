#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Prints the target specification for rustc, which a kernel without Rust does not
# ship, as scripts/generate_rust_target.rs would print it. It describes the target
# for which the kernel's C code is compiled.
#
# usage: target.sh RUSTC_VERSION CONFIG_MITIGATION_RETPOLINE CONFIG_MITIGATION_SLS
version=$1
shift

# The form of these two fields depends on the version of rustc.
abi=
[ "$version" -lt 108600 ] || abi='"rustc-abi": "x86-softfloat",'
[ "$version" -lt 109800 ] || abi='"rustc-abi": "softfloat",'
width=64
[ "$version" -ge 109100 ] || width='"64"'

features=-mmx,+soft-float
if [ "$1" = y ]; then
	features=$features,+retpoline-external-thunk
	features=$features,+retpoline-indirect-branches,+retpoline-indirect-calls
fi
[ "$2" != y ] || features=$features,+harden-sls-ijmp,+harden-sls-ret

cat <<EOT
{
    "arch": "x86_64",
    "llvm-target": "x86_64-linux-gnu",
    $abi
    "target-pointer-width": $width,
    "data-layout": "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128",
    "features": "$features",
    "os": "none",
    "panic-strategy": "abort",
    "disable-redzone": true,
    "emit-debug-gdb-scripts": false,
    "frame-pointer": "may-omit",
    "stack-probes": {"kind": "none"}
}
EOT
