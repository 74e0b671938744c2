// SPDX-License-Identifier: GPL-2.0
//! Which source results are of: the series, known by the tree that it makes of a kernel, or the
//! module, known by the tree of its own source.

use std::fmt;

use guest_protocol::{Form, Variant};

use crate::results::{Comparison, Design, MODULE, Results};

/// Where the feature was, and the git tree hash of that source.
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

impl Results {
    /// Where the feature was. The variants tell it of a file that is older than `module`.
    pub fn form(&self) -> Form {
        let is_module = |case: &Comparison| case.variants.contains_key(&Variant::AsItComes);
        match self.module.is_some() || self.cases.iter().any(is_module) {
            true => Form::Module,
            false => Form::Series,
        }
    }

    /// None if the file does not say it.
    pub fn origin(&self) -> Option<Origin> {
        let form = self.form();
        let tree = match form {
            Form::Series => self.tree.clone(),
            Form::Module => self.module.clone(),
        };
        tree.map(|tree| Origin { form, tree })
    }

    /// In which variants a case has to be; None if it is of no device that is known.
    pub fn design(&self, case: &Comparison) -> Option<&'static Design> {
        let usual = Design::of_device(case.device())?;
        Some(match self.form() {
            Form::Series => usual,
            Form::Module => &MODULE,
        })
    }
}
