// SPDX-License-Identifier: GPL-2.0
//! The timed runs of a benchmark, in the order that the host drew.

use std::collections::BTreeSet;
use std::fmt::Display;

use anyhow::Result;
use guest_protocol::{Report, Segment, Variant};

use crate::port::Port;

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
