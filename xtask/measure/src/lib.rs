// SPDX-License-Identifier: GPL-2.0
//! Works on figures: paired ratios ([`stats`]), the schema of results ([`results`]), the source
//! that results are of ([`origin`]), whether results say how certain they are ([`judge`]; for other
//! hosts: [`foreign`]), the soaks that passed ([`soak`]), and tables of all of them ([`table`]).
//! [`scale`] and [`events`] estimate the figures of other machines. The figures come from `lab`,
//! and `plot` draws them.

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
