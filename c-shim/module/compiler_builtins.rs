// SPDX-License-Identifier: GPL-2.0

//! Nothing: rustc wants a crate of this name beside `core`, and the core needs
//! none of what it would hold.

#![feature(compiler_builtins)]
#![allow(internal_features)]
#![compiler_builtins]
#![no_builtins]
#![no_std]
