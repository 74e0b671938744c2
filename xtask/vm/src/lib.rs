// SPDX-License-Identifier: GPL-2.0
//! A guest from start to verdict: what boots (an image of `kernel`'s with an [`initramfs`]), on what
//! ([`machine::Machine`], under an [`accel::Accelerator`]), and how its end is told ([`session`]).
//! What a guest is good for is the business of `lab`.

pub mod accel;
pub mod ask;
pub mod board;
pub mod console;
pub mod far_end;
mod heard;
pub mod in_place;
pub mod initramfs;
pub mod link;
pub mod machine;
pub mod netns;
pub mod pause;
pub mod qmp;
pub mod record;
pub mod server;
pub mod session;
pub mod spent;
pub mod threads;
pub mod verdict;
