// SPDX-License-Identifier: GPL-2.0
//! The source that results are of: the series, known by the tree of the kernel that it makes, or
//! the module, known by the tree of its own source.

use std::fmt;

use guest_protocol::{Form, Variant};

use crate::results::{Comparison, Design, MODULE, Results};
use crate::soak::SavedSoak;

/// The form of the feature, and the git tree hash of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub form: Form,
    pub tree: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.form {
            Form::Series => "series",
            Form::Module => "module",
        };
        write!(f, "the {what}, tree {}", self.tree)
    }
}

impl Origin {
    /// The origin of figures that name the tree of their kernel, and that of the module's source.
    /// None if they do not name the one that counts.
    pub fn of(form: Form, tree: Option<&String>, module: Option<&String>) -> Option<Self> {
        let tree = match form {
            Form::Series => tree,
            Form::Module => module,
        };
        tree.cloned().map(|tree| Self { form, tree })
    }
}

impl SavedSoak {
    /// None if the soak does not name its source.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(self.form, self.tree.as_ref(), self.module.as_ref())
    }
}

impl Results {
    /// Returns the form of the feature: series or module. In a file that is older than the field
    /// `module`, the variants show it.
    pub fn form(&self) -> Form {
        let is_module = |case: &Comparison| case.variants.contains_key(&Variant::AsItComes);
        match self.module.is_some() || self.cases.iter().any(is_module) {
            true => Form::Module,
            false => Form::Series,
        }
    }

    /// None if the file does not name its source.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(self.form(), self.tree.as_ref(), self.module.as_ref())
    }

    /// Returns the variants and ratios that a case must have. None if its device is unknown.
    pub fn design(&self, case: &Comparison) -> Option<&'static Design> {
        let usual = Design::of_device(case.device())?;
        Some(match self.form() {
            Form::Series => usual,
            Form::Module => &MODULE,
        })
    }
}
