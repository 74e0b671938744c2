// SPDX-License-Identifier: GPL-2.0
//! What a guest can boot, as an [`image::Image`]: a kernel that kbuild makes from the series
//! ([`build_kernel`]), or a distribution's kernel with the module that is built for it
//! ([`module`]). [`config`] derives from a kernel's configuration what holds for its guests.
//! [`drivers`] unpacks the drivers of a distribution's kernel. The crate `vm` boots guests.

pub mod build_kernel;
pub mod config;
pub mod deb;
pub mod drivers;
pub mod image;
pub mod module;
