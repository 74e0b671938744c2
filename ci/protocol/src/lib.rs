// SPDX-License-Identifier: GPL-2.0
//! The protocol between the host (xtask) and the guest's init: what a guest is asked to do, what it
//! answers, and names that both use. How each side does its part is not here.
//!
//! The host puts the scenario into the initramfs as a JSON file. A second JSON file lists what the
//! guest must prove about its kernel. The guest answers with JSON objects, one per line, on the
//! second serial port. The first serial port is the kernel's console. The last line is the verdict,
//! and there is exactly one: a guest that ends without a verdict has not passed.

pub mod cell;
pub mod cost;
pub mod count;
pub mod form;
pub mod losses;
pub mod module_test;
mod named;
pub mod net;
pub mod pace;
pub mod proof;
pub mod report;
pub mod scenario;
pub mod selftest;
pub mod trouble;

pub use cell::{
    Ask, Cell, Check, Device, Figures, Layout, Matrix, Outcome, Phase, Transport, Vectors,
};
pub use cost::{Amounts, Costs, Gauged, Load, Probe, Quantiles};
pub use count::{Code, CodeRole};
pub use form::Form;
pub use losses::Losses;
pub use module_test::ModuleTest;
pub use net::{Exchange, Latency, NetBench, NetMeasured, NetModes, Sent};
pub use pace::Pace;
pub use proof::Proof;
pub use report::{CpuTime, Events, Facts, Measured, Report};
pub use scenario::{Bench, Feature, Scenario, Segment, Shape, Variant, Workload};
pub use trouble::{Stress, Stressed, Struck, Trouble, Worked};
