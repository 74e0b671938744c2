// SPDX-License-Identifier: GPL-2.0
//! What figures are made of: paired ratios ([`stats`]) and how they are shown ([`table`]). Where they
//! come from is `lab`'s business, pictures of them are `plot`'s.

pub mod stats;
pub mod table;
