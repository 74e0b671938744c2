// SPDX-License-Identifier: GPL-2.0
//! Results from other people's hosts: judged, not trusted. A file may be broken, edited, measured
//! on another source, or written by somebody who wants their text in a cover letter. A refusal
//! names the field and the reason. `judge.rs` has the rules for all results; other hosts' must also
//! have no control character, and be of a known source.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use guest_protocol::Form;
use toolbox::fault;

use crate::field;
use crate::judge;
use crate::origin::Origin;
use crate::results::{Results, Runs};

/// Size limit of a results file, in bytes: more than any benchmark writes, and still fast to read.
const LARGEST_FILE: u64 = 4 << 20;

/// The results of one host.
#[derive(Debug)]
pub struct Foreign {
    /// The name of the host: its file's name, without the extension.
    pub host: String,
    pub results: Results,
}

/// Reads the results of one host. Fails if they are of none of the `known` sources. If `known` is
/// empty, any source is accepted.
pub fn read(path: &Path, known: &[Origin]) -> Result<Foreign> {
    let size = fs::metadata(path)?.len();
    read_sized(path, size, known).map_err(|err| fault::usage(format!("{}: {err}", path.display())))
}

fn read_sized(path: &Path, size: u64, known: &[Origin]) -> Result<Foreign> {
    let host = path.file_stem().and_then(|stem| stem.to_str());
    let host = host.context("the file's name must be the host's name, in UTF-8")?;
    field::printable("the file's name", host, 40)?;
    ensure!(
        size <= LARGEST_FILE,
        "the file has {size} bytes, more than {LARGEST_FILE}"
    );
    Ok(Foreign {
        host: host.to_owned(),
        results: judge(&fs::read_to_string(path)?, known)?,
    })
}

/// Reads the results of several hosts. Fails unless all of them are of one source and differ in
/// name and samples.
pub fn read_all(paths: &[impl AsRef<Path>], known: &[Origin]) -> Result<Vec<Foreign>> {
    let mut all: Vec<Foreign> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let foreign = read(path, known)?;
        for (earlier, other) in all.iter().zip(paths) {
            agree(&foreign, earlier, &other.as_ref().display().to_string())
                .map_err(|err| fault::usage(format!("{}: {err}", path.display())))?;
        }
        all.push(foreign);
    }
    Ok(all)
}

/// Fails if a file cannot be in one report with an `earlier` one, whose path is `other`.
fn agree(foreign: &Foreign, earlier: &Foreign, other: &str) -> Result<()> {
    if let [Some(own), Some(first)] = [foreign, earlier].map(|it| it.results.origin()) {
        ensure!(
            own == first,
            "these results are of {own}, but those in {other} are of {first}. All results in a \
             report must be of one source"
        );
    }
    ensure!(
        samples(&foreign.results) != samples(&earlier.results),
        "cases: the samples are the same as in {other}"
    );
    ensure!(
        foreign.host != earlier.host,
        "{other} has the same host name: rename one of the files"
    );
    Ok(())
}

fn samples(results: &Results) -> Vec<&[f64]> {
    let outcomes = results.cases.iter().flat_map(|case| case.variants.values());
    outcomes
        .filter_map(|outcome| match outcome {
            Runs::Samples(samples) => Some(samples.samples.as_slice()),
            Runs::Not { .. } => None,
        })
        .collect()
}

/// Checks that a file may be shown. Returns its results.
pub fn judge(text: &str, known: &[Origin]) -> Result<Results> {
    let value = judge::of_schema(text)?;
    field::walk(&value, "")?;
    let results = judge::results(value)?;
    origin(&results, known)?;
    Ok(results)
}

fn origin(results: &Results, known: &[Origin]) -> Result<()> {
    let at = match results.form() {
        Form::Series => "tree",
        Form::Module => "module",
    };
    let own = results
        .origin()
        .with_context(|| format!("{at}: missing: the source of these results is unknown"))?;
    ensure!(
        own.tree.len() == 40 && own.tree.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{at}: not a git tree hash"
    );
    if !known.is_empty() && !known.contains(&own) {
        let known: Vec<String> = known.iter().map(Origin::to_string).collect();
        let known = known.join("; ");
        bail!("{at}: {own} is not in this checkout, which has {known}");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
