// SPDX-License-Identifier: GPL-2.0
//! The part of LAVA's job schema that our jobs use, field by field as `lava_common.schemas` names
//! it. Nothing here decides anything.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Serialize)]
pub struct Definition<'a> {
    pub job_name: &'a str,
    pub device_type: &'a str,
    pub visibility: &'static str,
    pub priority: &'static str,
    pub timeouts: Timeouts,
    pub context: Context,
    pub actions: [Action<'a>; 3],
}

#[derive(Serialize)]
pub struct Timeouts {
    pub job: Minutes,
    pub action: Minutes,
    pub connection: Minutes,
}

#[derive(Serialize)]
pub struct Minutes {
    minutes: u32,
}

impl Minutes {
    pub fn new(minutes: u32) -> Minutes {
        Minutes { minutes }
    }
}

/// What the lab's template of the device is told.
#[derive(Serialize)]
pub struct Context {
    pub arch: &'static str,
    /// In MiB.
    pub memory: u32,
    pub no_kvm: bool,
    pub extra_options: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action<'a> {
    Deploy(Deploy<'a>),
    Boot(Boot),
    Test(Test),
}

#[derive(Serialize)]
pub struct Deploy<'a> {
    pub to: &'static str,
    pub images: Images<'a>,
}

#[derive(Serialize)]
pub struct Images<'a> {
    pub kernel: Fetched<'a>,
    pub initramfs: Fetched<'a>,
}

/// A file, and how QEMU's command line names it.
#[derive(Serialize)]
pub struct Fetched<'a> {
    pub url: &'a str,
    pub image_arg: String,
}

#[derive(Serialize)]
pub struct Boot {
    pub method: &'static str,
    pub media: &'static str,
}

#[derive(Serialize)]
pub struct Test {
    pub monitors: Vec<Monitor>,
}

/// Reads the console from the first match of `start` to one of `end`; each match of `pattern` is a
/// result, by its groups `test_case_id` and `result`. All three are Python's regular expressions.
#[derive(Serialize)]
pub struct Monitor {
    pub name: &'static str,
    pub start: &'static str,
    pub end: &'static str,
    pub pattern: String,
    /// What each text of the group `result` means.
    pub fixupdict: BTreeMap<&'static str, &'static str>,
}
