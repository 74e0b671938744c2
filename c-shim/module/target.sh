#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The target that a kernel without Rust does not ship, as scripts/generate_rust_target.rs
# would print it: what the C of the kernel is compiled for, in rustc's words.
#
# usage: target.sh CONFIG_MITIGATION_RETPOLINE CONFIG_MITIGATION_SLS
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
    "target-pointer-width": "64",
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
