// SPDX-License-Identifier: GPL-2.0
//! What figures are made of: paired ratios ([`stats`]), results as a file has them ([`results`]),
//! which source those are of ([`origin`]), whether they say how sure they are ([`judge`]; of other
//! hosts: [`foreign`]), the soaks that passed ([`soak`]), and tables of them all ([`table`]). What they
//! would be elsewhere is said by [`scale`] and [`events`]. Where they come from is `lab`'s business,
//! pictures of them are `plot`'s.

pub mod environment;
pub mod events;
mod field;
pub mod foreign;
pub mod judge;
pub mod origin;
pub mod results;
pub mod sample;
pub mod scale;
pub mod soak;
pub mod stats;
pub mod table;
