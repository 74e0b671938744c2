// SPDX-License-Identifier: GPL-2.0
//! The names of stock kernels, which Debian 13 ships.

use std::fmt;
use std::str::FromStr;

use toolbox::fault;
use toolbox::line::{LINES, Line};

/// One kernel that the distribution ships: "7.3", "6.12-cloud".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    pub line: &'static Line,
    /// The kernel for cloud machines, which has fewer drivers.
    pub cloud: bool,
}

impl Stock {
    /// The kernel that is part of the Debian 13 release itself.
    pub const OF_RELEASE: Stock = Stock {
        line: &LINES[1],
        cloud: false,
    };

    /// All stock kernels; for each line the generic kernel comes first.
    pub fn all() -> impl Iterator<Item = Stock> {
        let of = |line| [false, true].map(|cloud| Stock { line, cloud });
        LINES.iter().flat_map(of)
    }

    /// The suffix of the names of its packages.
    fn flavour(self) -> &'static str {
        match self.cloud {
            true => "cloud-amd64",
            false => "amd64",
        }
    }

    /// The packages that depend on the image and the headers of the newest patch level.
    pub fn meta_packages(self) -> [String; 2] {
        ["image", "headers"].map(|part| format!("linux-{part}-{}", self.flavour()))
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.cloud { "-cloud" } else { "" };
        write!(f, "{}{suffix}", self.line.name)
    }
}

impl FromStr for Stock {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Stock> {
        let stock = Stock::all().find(|stock| stock.to_string() == name);
        stock.ok_or_else(|| {
            let known: Vec<String> = Stock::all().map(|stock| stock.to_string()).collect();
            fault::usage(format!("unknown kernel; known: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        let names: Vec<String> = Stock::all().map(|stock| stock.to_string()).collect();
        assert_eq!(names, ["7.3", "7.3-cloud", "6.12", "6.12-cloud"]);
        for name in &names {
            assert_eq!(name.parse::<Stock>().unwrap().to_string(), *name);
        }
        assert_eq!(Stock::OF_RELEASE.to_string(), "6.12");
        for wrong in ["7.4", "7.3-rt", "-cloud", "7.3-cloud-cloud", ""] {
            assert!(wrong.parse::<Stock>().is_err(), "{wrong:?}");
        }
    }
}
