// SPDX-License-Identifier: GPL-2.0
//! A guest from start to verdict. An image of the crate `kernel` boots with an [`initramfs`] on a
//! [`machine::Machine`], under an [`accel::Accelerator`]; [`session`] reports how it ended. The
//! crate `lab` decides what guests are used for.

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
