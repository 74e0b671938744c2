// SPDX-License-Identifier: GPL-2.0
//! Enums whose values have one name each, in JSON, on the command line and in tables.

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

#[cfg(test)]
mod tests {
    use crate::{Device, Exchange};

    #[test]
    fn names_in_json_are_the_names_on_paper() {
        assert_eq!(serde_json::to_value(Device::P9).unwrap(), "9p");
        assert_eq!(Device::ALL.len(), 10);
        for exchange in Exchange::ALL {
            assert_eq!(serde_json::to_value(exchange).unwrap(), exchange.name());
        }
    }
}
