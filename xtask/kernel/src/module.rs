// SPDX-License-Identifier: GPL-2.0
//! The module for kernels that distributions ship. [`build`] builds it in a [`root`] file system of
//! the distribution, for the headers in its [`packages`]. [`package`] packs its [`tree`], and
//! [`identity`] names that source.

pub mod build;
pub mod make;
pub mod package;
pub mod packages;
pub mod root;
pub mod stock;

pub use series::module::{identity, tree};
