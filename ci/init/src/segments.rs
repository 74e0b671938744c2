// SPDX-License-Identifier: GPL-2.0
//! The segments of a benchmark, which are its timed runs, in the order that the host drew.

use std::collections::BTreeSet;
use std::fmt::Display;

use anyhow::Result;
use guest_protocol::form::MODULE;
use guest_protocol::{Form, Report, Segment, Variant};

use crate::facts::wait_parameter;
use crate::modules;
use crate::port::Port;
use crate::procfs;

/// The variants that occur in the segments.
pub fn variants<W>(segments: &[Segment<W>]) -> BTreeSet<Variant> {
    segments.iter().map(|segment| segment.variant).collect()
}

/// Measures and reports each segment.
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

/// Loads, unloads or sets the module as a variant needs it, if the feature is a module. Returns
/// whether devices have a switch afterwards. In the variant `as_it_comes` the module is not loaded:
/// devices have no switch, and CPUs do not wait. In the variant `before`, CPUs wait as long as with
/// polling.
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
