// SPDX-License-Identifier: GPL-2.0
//! What a guest can boot: [`image::Image`], of a kernel that kbuild makes of the series
//! ([`build_kernel`]) or one of the distribution with the module that is built for it ([`module`]).
//! [`config`] says what a kernel's configuration means for its guests, [`drivers`] takes what they
//! need out of the distribution's. Booting is `vm`'s business.

pub mod build_kernel;
pub mod config;
pub mod deb;
pub mod drivers;
pub mod image;
pub mod module;
