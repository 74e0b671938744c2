// SPDX-License-Identifier: GPL-2.0
//! Checks single fields of a results file, also of a file from elsewhere. A refusal names the field
//! and the reason.

use std::fmt;

use serde_json::Value;

/// Longest word of a text, in bytes: a mail wraps words, not letters.
const LONGEST_WORD: usize = 60;

/// A refused field, and the reason.
#[derive(Debug)]
pub struct OddField {
    field: String,
    reason: String,
}

pub fn refuse(field: &str, reason: impl fmt::Display) -> OddField {
    OddField {
        field: field.to_owned(),
        reason: reason.to_string(),
    }
}

impl OddField {
    /// Adds `parent`, which the field is a part of, to the field's name.
    pub fn inside(mut self, parent: &str) -> OddField {
        self.field = match self.field.as_str() {
            "" => parent.to_owned(),
            field => format!("{parent}.{field}"),
        };
        self
    }
}

impl fmt::Display for OddField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "{}", self.reason),
            field => write!(f, "{field}: {}", self.reason),
        }
    }
}

/// Fails if a value is outside these limits, or NaN. A missing value and JSON's null are read as
/// NaN.
pub fn within(field: &str, value: f64, least: f64, most: f64) -> Result<(), OddField> {
    if value.is_nan() {
        return Err(refuse(field, "missing or not a number"));
    }
    match least <= value && value <= most {
        true => Ok(()),
        false => Err(refuse(
            field,
            format!("{value} is not between {least} and {most}"),
        )),
    }
}

/// Checks that a text may be shown on a terminal and in a mail: one line of ASCII that a mail does
/// not take for a header, a separator or a patch.
pub fn printable(text: &str, longest: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("empty".into());
    }
    if text.len() > longest {
        return Err(format!("{} bytes, more than {longest}", text.len()));
    }
    if let Some(other) = text.chars().find(|it| !(' '..='~').contains(it)) {
        return Err(format!("{other:?} is not printable ASCII"));
    }
    if text.split(' ').any(|word| word.len() > LONGEST_WORD) {
        return Err(format!("a word is longer than {LONGEST_WORD} bytes"));
    }
    let begins = ["---", "diff ", "From ", "From:", "Signed-off-by", "Index:"];
    match begins.iter().find(|word| text.trim().starts_with(**word)) {
        Some(word) => Err(format!(
            "begins with {word:?}, which has a meaning in a mail"
        )),
        None => Ok(()),
    }
}

/// Refuses control characters in all fields, known or not.
pub fn walk(value: &Value, at: &str) -> Result<(), OddField> {
    match value {
        Value::String(text) => match text.chars().find(|it| it.is_control()) {
            Some(control) => Err(refuse(at, format!("has the control character {control:?}"))),
            None => Ok(()),
        },
        Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| walk(value, &format!("{at}[{index}]"))),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            walk(value, name).map_err(|refused| match at {
                "" => refused,
                at => refused.inside(at),
            })
        }),
        _ => Ok(()),
    }
}
