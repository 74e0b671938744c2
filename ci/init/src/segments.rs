// SPDX-License-Identifier: GPL-2.0
//! The timed runs of a benchmark, in the order that the host drew.

use std::collections::BTreeSet;
use std::fmt::Display;

use anyhow::Result;
use guest_protocol::form::MODULE;
use guest_protocol::{Form, Report, Segment, Variant};

use crate::facts::wait_parameter;
use crate::modules;
use crate::port::Port;
use crate::procfs;

/// The variants that the plan has, each once.
pub fn variants<W>(segments: &[Segment<W>]) -> BTreeSet<Variant> {
    segments.iter().map(|segment| segment.variant).collect()
}

/// Runs each, and reports it.
pub fn run<W: Copy + Display>(
    port: &mut Port,
    segments: &[Segment<W>],
    measure: impl Fn(Segment<W>) -> Result<Report>,
) -> Result<()> {
    for &segment in segments {
        let Segment {
            round,
            workload,
            variant,
        } = segment;
        port.stage(format!("round {round}, {workload}, {variant}"))?;
        port.send(&measure(segment)?)?;
    }
    Ok(())
}

/// Does what a variant asks of the module, where the feature is one. Gives whether devices have a
/// switch afterwards. The kernel as it comes has none, and its processors do not wait; `before` they
/// wait as long as with polling.
pub fn arrange_module(variant: Variant) -> Result<bool> {
    if modules::form() == Form::Series {
        return Ok(true);
    }
    let loaded = modules::is_loaded(MODULE);
    if variant == Variant::AsItComes {
        if loaded {
            modules::unload(MODULE)?;
        }
        return Ok(false);
    }
    if !loaded {
        modules::load(MODULE)?;
    }
    let always = if variant == Variant::Before { "Y" } else { "N" };
    procfs::write(wait_parameter("wait_always"), always)?;
    Ok(true)
}
