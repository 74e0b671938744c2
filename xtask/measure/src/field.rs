// SPDX-License-Identifier: GPL-2.0
//! Checks single fields of a results file, also of a file from elsewhere. A refusal names the
//! field, which is `at` in the file, and the reason.

use std::fmt::Display;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// Longest word of a text, in bytes: a mail wraps words, not letters.
const LONGEST_WORD: usize = 60;

/// Fails if a value is outside these limits, or NaN. A missing value and JSON's null are read as
/// NaN.
pub fn within(at: impl Display, value: f64, least: f64, most: f64) -> Result<()> {
    ensure!(!value.is_nan(), "{at}: missing or not a number");
    ensure!(
        least <= value && value <= most,
        "{at}: {value} is not between {least} and {most}"
    );
    Ok(())
}

/// Checks that a text may be shown on a terminal and in a mail: one line of ASCII that a mail does
/// not take for a header, a separator or a patch.
pub fn printable(at: impl Display, text: &str, longest: usize) -> Result<()> {
    ensure!(!text.trim().is_empty(), "{at}: empty");
    let length = text.len();
    ensure!(
        length <= longest,
        "{at}: {length} bytes, more than {longest}"
    );
    if let Some(other) = text.chars().find(|it| !(' '..='~').contains(it)) {
        bail!("{at}: {other:?} is not printable ASCII");
    }
    ensure!(
        text.split(' ').all(|word| word.len() <= LONGEST_WORD),
        "{at}: a word is longer than {LONGEST_WORD} bytes"
    );
    let begins = ["---", "diff ", "From ", "From:", "Signed-off-by", "Index:"];
    if let Some(word) = begins.iter().find(|word| text.trim().starts_with(**word)) {
        bail!("{at}: begins with {word:?}, which has a meaning in a mail");
    }
    Ok(())
}

/// Refuses control characters in all fields, known or not. `at` is empty for the whole file.
pub fn walk(value: &Value, at: &str) -> Result<()> {
    match value {
        Value::String(text) => match text.chars().find(|it| it.is_control()) {
            Some(control) => bail!("{at}: has the control character {control:?}"),
            None => Ok(()),
        },
        Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| walk(value, &format!("{at}[{index}]"))),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match at {
            "" => walk(value, name),
            at => walk(value, &format!("{at}.{name}")),
        }),
        _ => Ok(()),
    }
}
