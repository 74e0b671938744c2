// SPDX-License-Identifier: GPL-2.0
//! A macro for enums whose values have one name each, in JSON, on the command line and in tables.

macro_rules! named {
    ($(#[$of:meta])* $kind:ident { $($(#[$each:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $kind { $($(#[$each])* #[serde(rename = $name)] $value,)+ }

        impl $kind {
            pub const ALL: &[$kind] = &[$($kind::$value,)+];

            pub fn name(self) -> &'static str {
                match self { $($kind::$value => $name,)+ }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use named;
