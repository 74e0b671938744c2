// SPDX-License-Identifier: GPL-2.0
//! Code that every tool crate uses: spawned programs ([`run`]), faults and their exit codes
//! ([`fault`]), paths ([`place`]), kernel lines ([`line`]), [`git`], and the probe of tools
//! ([`tools`]). Nothing here handles a kernel source, a kernel or a guest.

pub mod apt;
pub mod cases;
pub mod distro;
pub mod fault;
pub mod git;
pub mod line;
pub mod lock;
pub mod options;
pub mod place;
pub mod program;
pub mod run;
pub mod scratch;
pub mod tools;
