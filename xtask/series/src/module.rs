// SPDX-License-Identifier: GPL-2.0
//! The source of the module, which shares files with the series: its [`tree`], and the [`identity`]
//! by which results name it.

pub mod identity;
pub mod tree;
