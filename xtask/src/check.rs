// SPDX-License-Identifier: GPL-2.0
//! `check NAME`: each check proves or measures one thing, for those who work on that thing. `test`
//! runs most of them. Each check is in the file of its name, or in the crate `lab` if it is about
//! guests.

pub mod by_hand;
pub mod fuzz;
pub mod idle_loop;
pub mod instructions;
pub mod sanitize;
