// SPDX-License-Identifier: GPL-2.0
//! xtask as its users have it, and rules for the sources of all tool crates: one program, so that
//! xtask is linked once. `cargo xtask test` also runs those that are ignored here.

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
