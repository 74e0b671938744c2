// SPDX-License-Identifier: GPL-2.0
//! Why a command ends: the kinds of failure and the exit code of each. What
//! went wrong in words is the business of whoever raises the fault.

use thiserror::Error;

/// Why a command ends; the number is the process's exit code.
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

/// An error whose kind is known. Everything else that ends a command (a file
/// that cannot be read, say) counts as the environment's.
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

/// ^C or SIGTERM.
pub fn interrupted() -> anyhow::Error {
    fault(Kind::Interrupted, "interrupted")
}

/// The kind of the outermost fault in the chain: `.context(Fault)` overrides
/// what it wraps.
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
