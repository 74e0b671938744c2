// SPDX-License-Identifier: GPL-2.0
//! Collects the licences of a kit: those of the Debian packages that the guest's files come from,
//! and those of the crates that are linked into the runner and the guest's init.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use xshell::{Shell, cmd};

use toolbox::fault;
use toolbox::place::Place;
use toolbox::run;

/// The text of the GPL-2. On Debian it is in a package that is always installed.
const GPL_2: &str = "/usr/share/common-licenses/GPL-2";

const HEAD: &str = "\
poll-source-kit, the guest's init (in initramfs.cpio), the module and the patches are GPL-2.0: see
COPYING. bzImage is Linux, GPL-2.0 with the system call note, built from the source that README.md
names with the patches in patches/ and the configuration in kernel.config. crates.txt lists the
libraries that are linked into poll-source-kit and the init. The other files of initramfs.cpio come
from these packages of Debian. The licence of a package is in the file with its name. Its source, of
the version given here, is in Debian's snapshot archive:

";

/// Writes the GPL-2 to `copying`, and the licences of `files` and of the crates into the new folder
/// `dir`. `files` are files of this host. Fails if a file is of no Debian package.
pub fn write(place: &Place, copying: &Path, dir: &Path, files: &[PathBuf]) -> Result<()> {
    fs::copy(GPL_2, copying)?;
    fs::create_dir(dir)?;
    let write = |name: &str, text: &[u8]| Ok(fs::write(dir.join(name), text)?);
    let mut list = HEAD.to_owned();
    for (package, version) in packages(files)? {
        let licence = format!("/usr/share/doc/{package}/copyright");
        let text = fs::read(&licence)?;
        write(&package, &text)?;
        list += &format!("    {package} {version}\n");
    }
    write("README", list.as_bytes())?;
    write("crates.txt", crates(place)?.as_bytes())
}

/// The Debian packages that have these files, with their versions.
fn packages(files: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let sh = Shell::new()?;
    let names: BTreeSet<PathBuf> = files.iter().flat_map(|file| spellings(file)).collect();
    // Status 1: some of these paths are in no package.
    let (_, owners) = run::read_if(
        cmd!(sh, "dpkg-query --search {names...}").env("LC_ALL", "C"),
        |status| matches!(status, 0 | 1),
    )?;
    let owners = owners_of(&owners);
    let mut found = BTreeSet::new();
    for file in files {
        let owner = spellings(file)
            .into_iter()
            .find_map(|name| owners.get(&name));
        found.insert(owner.ok_or_else(|| {
            fault::environment(format!(
                "no package of Debian has {}: its licence is unknown, so it cannot be packed",
                file.display()
            ))
        })?);
    }
    let format = "${binary:Package} ${Version}\n";
    let versions = run::read(cmd!(
        sh,
        "dpkg-query --show --showformat {format} {found...}"
    ))?;
    let line = |line: &str| {
        let (package, version) = line.split_once(' ')?;
        Some((without_arch(package).to_owned(), version.to_owned()))
    };
    Ok(versions.lines().filter_map(line).collect())
}

/// The paths that a package may have for a file: some packages still have /lib instead of /usr/lib.
fn spellings(file: &Path) -> Vec<PathBuf> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut all = vec![file.to_owned(), real];
    for path in all.clone() {
        all.extend(
            path.strip_prefix("/usr")
                .map(|rest| Path::new("/").join(rest)),
        );
        all.extend(
            path.strip_prefix("/")
                .map(|rest| Path::new("/usr").join(rest)),
        );
    }
    all
}

/// Parses lines "PACKAGE:ARCH: FILE". Of several packages it takes the first.
fn owners_of(said: &str) -> BTreeMap<PathBuf, String> {
    let line = |line: &str| {
        let (packages, file) = line.split_once(": ")?;
        let package = packages.split(", ").next()?;
        Some((PathBuf::from(file), package.to_owned()))
    };
    said.lines().filter_map(line).collect()
}

fn without_arch(package: &str) -> &str {
    package.split(':').next().unwrap_or(package)
}

/// A line for each linked crate: name, version, licence and repository.
fn crates(place: &Place) -> Result<String> {
    let sh = Shell::new()?;
    sh.change_dir(&place.root);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let format = "{p} {l} {r}";
    let tree = run::read(cmd!(
        sh,
        "{cargo} tree --locked --package runner --package guest-init --edges normal,no-proc-macro
         --prefix none --no-dedupe --format {format}"
    ))?;
    // Lines with a path are crates of this workspace.
    let others: BTreeSet<&str> = tree
        .lines()
        .filter(|line| !line.is_empty() && !line.contains(" (/"))
        .collect();
    Ok(others.iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_package() {
        let said = "libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6\nfio: /usr/bin/fio\n\
            a, b: /usr/share/x\n";
        let owners = owners_of(said);
        let of = |file: &str| {
            let names = spellings(Path::new(file));
            names
                .iter()
                .find_map(|name| owners.get(name))
                .map(String::as_str)
        };
        assert_eq!(
            of("/usr/lib/x86_64-linux-gnu/libc.so.6"),
            Some("libc6:amd64")
        );
        assert_eq!(of("/usr/bin/fio"), Some("fio"));
        assert_eq!(of("/usr/share/x"), Some("a"));
        assert_eq!(of("/opt/fio"), None);
    }

    #[test]
    fn what_no_package_has_is_not_packed() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("fio");
        fs::write(&own, "").unwrap();
        let err = packages(&[own]).unwrap_err();
        assert!(err.to_string().contains("licence is unknown"), "{err}");
    }
}
