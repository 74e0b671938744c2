// SPDX-License-Identifier: GPL-2.0
//! What figures are made of: paired ratios ([`stats`]), results as a file has them ([`results`]),
//! whether those say how sure they are ([`judge`]) and reach what they must ([`floors`]), and tables
//! of them ([`table`]). Where they come from is `lab`'s business, pictures of them are `plot`'s.

pub mod environment;
pub mod floors;
pub mod judge;
pub mod results;
pub mod sample;
pub mod stats;
pub mod table;
