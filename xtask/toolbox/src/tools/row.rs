// SPDX-License-Identifier: GPL-2.0
//! The result of looking for one item: where it is, and whether it is new enough.

use std::env;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::line::{self, Version};
use crate::run;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Found,
    Missing,
    TooOld,
}

/// The result of looking for one item.
#[derive(Clone, Debug)]
pub struct Row {
    pub item: &'static str,
    pub state: State,
    pub path: Option<PathBuf>,
    pub version: Option<String>,
    /// A remark, above all the reason why the item is lacking.
    pub note: Option<String>,
    /// The variable by which the user chose the path. No other path was tried then.
    pub chosen_by: Option<&'static str>,
}

impl Row {
    pub fn new(item: &'static str) -> Row {
        Row {
            item,
            state: State::Missing,
            path: None,
            version: None,
            note: None,
            chosen_by: None,
        }
    }

    pub fn is_lacking(&self) -> bool {
        self.state != State::Found
    }

    /// Version, path and note in one line; empty if nothing was found.
    pub fn details(&self) -> String {
        let path = self.path.as_ref().map(|path| path.display().to_string());
        let parts = [self.version.clone(), path, self.note.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join("  ")
    }

    pub fn at(mut self, path: &Path) -> Row {
        self.path = Some(path.to_owned());
        self.state = State::Found;
        self
    }

    pub fn right(mut self, note: impl Into<String>) -> Row {
        self.state = State::Found;
        self.note = Some(note.into());
        self
    }

    pub fn wrong(mut self, state: State, note: impl Into<String>) -> Row {
        self.state = state;
        self.note = Some(note.into());
        self
    }

    pub fn at_least(mut self, version: Option<Version>, min: Version) -> Row {
        self.version = version.map(line::show);
        match version {
            None => self.wrong(
                State::Missing,
                "does not start, or does not print its version: run it by hand to see why",
            ),
            Some(version) if version < min => {
                let note = format!("at least {} is needed", line::show(min));
                self.wrong(State::TooOld, note)
            }
            Some(_) => self,
        }
    }
}

/// The first row that is not lacking. If all are lacking, the first row, which has the reason. If
/// there are no rows, `none`.
pub fn best(rows: Vec<Row>, none: Row) -> Row {
    let good = rows.iter().position(|row| !row.is_lacking());
    rows.into_iter().nth(good.unwrap_or(0)).unwrap_or(none)
}

/// The [`best`] row of the programs at these paths. A path that is not a file is ignored.
pub fn best_of(row: Row, paths: impl IntoIterator<Item = PathBuf>, min: Version) -> Row {
    let files = paths.into_iter().filter(|path| path.is_file());
    let found = files.map(|path| row.clone().at(&path).at_least(version_of(&path), min));
    best(found.collect(), row)
}

pub fn version_of(program: &Path) -> Option<Version> {
    version_by(program, "--version")
}

pub fn version_by(program: &Path, flag: &str) -> Option<Version> {
    let sh = Shell::new().ok()?;
    let cmd = cmd!(sh, "{program} {flag}").env_remove("LD_LIBRARY_PATH");
    line::parse_version(&run::read(cmd).ok()?)
}

/// The path in a variable of the user; None if the variable is unset or empty.
pub fn choice(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

pub fn chosen(mut row: Row, variable: &'static str) -> Row {
    row.chosen_by = Some(variable);
    row
}
