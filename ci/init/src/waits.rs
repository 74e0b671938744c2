// SPDX-License-Identifier: GPL-2.0
//! What a variant of a benchmark asks of the module, where the feature is one.

use anyhow::{Result, ensure};
use guest_protocol::form::MODULE;
use guest_protocol::{Form, Variant};

use crate::facts::wait_parameter;
use crate::modules;
use crate::procfs;

/// Whether devices have a switch afterwards. The kernel as it comes has none, and its processors do
/// not wait; `before` they wait as long as with polling.
pub fn arrange(variant: Variant) -> Result<bool> {
    if modules::form() == Form::Series {
        return Ok(true);
    }
    let loaded = modules::is_loaded(MODULE);
    if variant == Variant::AsItComes {
        ensure!(!loaded || modules::unload(MODULE)?, "{MODULE} is in use");
        return Ok(false);
    }
    if !loaded {
        modules::load(MODULE)?;
    }
    let always = if variant == Variant::Before { "Y" } else { "N" };
    procfs::write(wait_parameter("wait_always"), always)?;
    Ok(true)
}
