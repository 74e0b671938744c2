// SPDX-License-Identifier: GPL-2.0
//! The kinds of failure and the exit code of each. The code that raises a fault writes its message.

use thiserror::Error;

/// Why a command failed. The number is the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    TestFailed = 1,
    Usage = 2,
    Build = 3,
    Guest = 4,
    Hang = 5,
    Environment = 6,
    Interrupted = 130,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// An error of a known kind. Any other error that ends a command (for example a file that cannot be
/// read) counts as [`Kind::Environment`].
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Fault {
    pub kind: Kind,
    message: String,
}

pub fn fault(kind: Kind, message: impl Into<String>) -> anyhow::Error {
    let message = message.into();
    Fault { kind, message }.into()
}

pub fn test_failed(message: impl Into<String>) -> anyhow::Error {
    fault(Kind::TestFailed, message)
}

pub fn usage(message: impl Into<String>) -> anyhow::Error {
    fault(Kind::Usage, message)
}

pub fn build(message: impl Into<String>) -> anyhow::Error {
    fault(Kind::Build, message)
}

pub fn guest(message: impl Into<String>) -> anyhow::Error {
    fault(Kind::Guest, message)
}

pub fn environment(message: impl Into<String>) -> anyhow::Error {
    fault(Kind::Environment, message)
}

/// The fault for a command that ^C or SIGTERM ended.
pub fn interrupted() -> anyhow::Error {
    fault(Kind::Interrupted, "interrupted")
}

/// Returns the kind of the outermost fault in the chain of errors: a fault that `.context()` adds
/// overrides the kind of the error below it.
pub fn kind_of(err: &anyhow::Error) -> Kind {
    err.downcast_ref::<Fault>()
        .or_else(|| err.chain().find_map(|cause| cause.downcast_ref()))
        .map_or(Kind::Environment, |fault| fault.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn kind_is_found_under_context() {
        let err = Err::<(), _>(build("make failed"))
            .context("building the kernel")
            .unwrap_err();
        assert_eq!(kind_of(&err), Kind::Build);
    }
}
