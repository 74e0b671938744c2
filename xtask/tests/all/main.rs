// SPDX-License-Identifier: GPL-2.0
//! Tests that run xtask as its users do, and rules for the sources of all tool crates. They are one
//! program, so that xtask is linked once. Most tests that are ignored here run in `cargo xtask
//! test`.

mod common;
mod compiled_once;
mod devloop;
mod devloop_refusals;
mod drafts;
mod guests;
mod kit;
mod lava;
mod module_check;
mod names;
mod no_circle;
mod port;
mod real_series;
mod report;
mod series;
mod source;
mod tools;
mod workflows;
