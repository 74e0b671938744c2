// SPDX-License-Identifier: GPL-2.0
//! Merges the fragments of kconfig/ into a request, and checks that Kconfig granted it: Kconfig
//! silently drops an option whose dependencies are missing.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use super::KernelVariant;
use toolbox::fault;
use toolbox::line::Line;
use toolbox::place::Place;

/// The option of the feature. The names of all options that the series adds begin with it.
pub const FEATURE: &str = "CONFIG_CPU_IDLE_POLL_SOURCE";

/// Options and their values. "n" means that the option must be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request(BTreeMap<String, String>);

/// The request of a variant.
pub fn of(place: &Place, line: &Line, variant: &KernelVariant) -> Result<Request> {
    let extra = variant.configs.iter().map(String::as_str);
    let names: Vec<&str> = ["vm", "feature"].into_iter().chain(extra).collect();
    let request = merged(place, line.name, &names)?;
    Ok(match variant.pristine {
        true => request.without_feature(),
        false => request,
    })
}

/// Merges the fragments kconfig/NAME.config and kconfig/NAME-LINE.config of each name, as far as
/// they exist. Later ones override earlier ones. NAME-LINE.config holds what differs on that line;
/// it is the only file if only that line has the options. Fails if a name has neither file.
pub fn merged(place: &Place, line: &str, names: &[&str]) -> Result<Request> {
    let dir = place.root.join("kconfig");
    let mut request = BTreeMap::new();
    for name in names {
        let common = dir.join(format!("{name}.config"));
        let own = dir.join(format!("{name}-{line}.config"));
        if !common.is_file() && !own.is_file() {
            return Err(fault::usage(format!(
                "there is no fragment {} for Linux {line}",
                common.display()
            )));
        }
        for path in [common, own].iter().filter(|path| path.is_file()) {
            request.extend(read(path)?.0);
        }
    }
    Ok(Request(request))
}

/// Reads the options of a kernel's .config, or of a fragment.
pub fn read(config: &Path) -> Result<Request> {
    let text = fs::read_to_string(config)?;
    Ok(Request(options(&text)))
}

impl Request {
    /// Leaves out the series' options, which the base alone lacks.
    pub fn without_feature(mut self) -> Request {
        self.0.retain(|name, _| !name.starts_with(FEATURE));
        self
    }

    /// The request as the text of one fragment.
    pub fn text(&self) -> String {
        let line = |(name, value): (&String, &String)| match value.as_str() {
            "n" => format!("# {name} is not set\n"),
            value => format!("{name}={value}\n"),
        };
        self.0.iter().map(line).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "y")
    }

    /// The value of an option, without its quotation marks.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim_matches('"'))
    }

    pub fn check_survived(&self, config: &Path) -> Result<()> {
        let lost = self.lost(&read(config)?);
        if lost.is_empty() {
            return Ok(());
        }
        Err(fault::build(format!(
            "Kconfig did not grant what kconfig/ requests (a dependency is missing, or the option \
             no longer exists):{}\n  see {}",
            lost.concat(),
            config.display()
        )))
    }

    fn lost(&self, granted: &Request) -> Vec<String> {
        let value = |name: &str| granted.0.get(name).map_or("n", String::as_str);
        // A string option that is absent counts as empty.
        let is_granted =
            |wanted: &str, value: &str| value == wanted || wanted == r#""""# && value == "n";
        let lost = self
            .0
            .iter()
            .filter(|(name, wanted)| !is_granted(wanted, value(name)));
        lost.map(|(name, wanted)| format!("\n  {name}: asked {wanted}, got {}", value(name)))
            .collect()
    }
}

/// Parses the lines `CONFIG_X=value` and `# CONFIG_X is not set`, and ignores all others.
pub fn options(text: &str) -> BTreeMap<String, String> {
    let option = |line: &str| {
        let line = line.trim();
        let off = line
            .strip_prefix("# ")
            .and_then(|it| it.strip_suffix(" is not set"));
        let (name, value) = match off {
            Some(name) => (name, "n"),
            None => line.split_once('=')?,
        };
        name.starts_with("CONFIG_")
            .then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Request {
        Request(options(text))
    }

    #[test]
    fn what_kconfig_dropped_is_named() {
        let request = parse(
            "# a comment = with a sign\nCONFIG_A=y\nCONFIG_N=20\nCONFIG_M=n\n# CONFIG_OFF is not set\nCONFIG_S=\"\"\n",
        );
        let granted = parse("CONFIG_A=y\nCONFIG_N=20\n# CONFIG_OFF is not set\n");
        assert!(request.lost(&granted).is_empty());
        let lost = request.lost(&parse("CONFIG_N=8\nCONFIG_M=y\nCONFIG_S=\"key\"\n"));
        assert_eq!(
            lost.concat(),
            "\n  CONFIG_A: asked y, got n\n  CONFIG_M: asked n, got y\n  CONFIG_N: asked 20, got 8\n  CONFIG_S: asked \"\", got \"key\""
        );
    }

    #[test]
    fn a_fragment_may_be_for_one_line_alone() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().to_owned(), dir.path().to_owned());
        fs::create_dir(dir.path().join("kconfig")).unwrap();
        for (name, text) in [
            ("a", "CONFIG_A=y\nCONFIG_X=1\n"),
            ("a-7.3", "CONFIG_X=2\n"),
            ("b-7.3", "CONFIG_B=y\n"),
        ] {
            fs::write(dir.path().join(format!("kconfig/{name}.config")), text).unwrap();
        }
        let merge = |line| merged(&place, line, &["a", "b"]);
        let all = parse("CONFIG_A=y\nCONFIG_B=y\nCONFIG_X=2\n");
        assert_eq!(merge("7.3").unwrap(), all);
        let err = merge("6.12").unwrap_err();
        assert_eq!(fault::kind_of(&err), fault::Kind::Usage);
    }
}
