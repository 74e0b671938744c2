// SPDX-License-Identifier: GPL-2.0
//! The protocol under the name that xtask still uses.

pub use guest_protocol::*;
