// SPDX-License-Identifier: GPL-2.0
//! Finds the tools on this machine, reports the missing ones and installs them. `probe` looks for
//! each item, `toolchain` for compilers; `qemu` and `sparse` get newer versions than the
//! distribution's.

pub mod probe;
pub mod qemu;
pub mod row;
pub mod sparse;
pub mod toolchain;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::distro;
use crate::fault;
use crate::line::{self, Line};
use crate::lock;
use crate::place::Place;
use crate::run::Stage;
use row::{Row, State};

/// Programs that cargo installs: program, crate and version. Debian 12's bindgen is too old for any
/// line; this version is new enough for all of them.
const CRATES: [(&str, &str, &str); 2] = [
    ("bindgen", "bindgen-cli", "0.73.0"),
    ("cargo-fuzz", "cargo-fuzz", "0.13.2"),
];

/// A group of tools that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Need {
    /// git, and what unpacks a tarball.
    Fetch,
    /// Compilers and libraries that kbuild and in-kernel Rust need.
    Kernel,
    /// Tools that kbuild needs for a module, besides the kernel's headers.
    Module,
    /// clang, for kernels that gcc does not compile.
    Clang,
    /// QEMU.
    Guest,
    /// fio, which the guest runs.
    Fio,
    /// sockperf and iperf3, and the tools that create and configure their network.
    Net,
    /// cyclictest, and the tools that create and configure the network of its guest.
    Cost,
    /// The tools that create and configure a network for the soak's guests.
    Link,
    /// ip, which sets up IPsec in the matrix's guests.
    Ipsec,
    /// A C compiler and libclang, which compile the C shim for the host.
    Harness,
    /// valgrind, which counts instructions on the host.
    Valgrind,
    /// cargo-fuzz, and a C++ compiler for libFuzzer.
    Fuzz,
    /// The tools that check the patches: see `review`.
    Review,
    /// b4, and the tool that runs it without a network.
    B4,
    /// The tools that make a Debian package.
    Package,
    /// Further tools, which kbuild's bindeb-pkg calls.
    Deb,
    /// The tools that create a root file system of Debian 13, and enter it.
    Root,
    /// busybox, for guests that run scripts. The guest of patches/README.md has nothing else.
    ByHand,
}

/// Paths of the programs that were found. The path of a program that was not asked for is empty.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    pub rustc: PathBuf,
    pub rustdoc: PathBuf,
    pub bindgen: PathBuf,
    /// The folder that holds libclang.so.
    pub libclang: PathBuf,
    pub clang: PathBuf,
    pub make: PathBuf,
    pub qemu: PathBuf,
    pub fio: PathBuf,
    pub sockperf: PathBuf,
    pub iperf3: PathBuf,
    pub cyclictest: PathBuf,
    pub ip: PathBuf,
    pub unshare: PathBuf,
    pub nsenter: PathBuf,
    pub b4: PathBuf,
    pub rustfmt: PathBuf,
    pub clippy_driver: PathBuf,
    pub sparse: PathBuf,
    pub cargo_fuzz: PathBuf,
    /// Statically linked.
    pub busybox: PathBuf,
    /// "NAME VERSION" of each tool whose version is known, for keys and reports.
    pub versions: Vec<String>,
}

impl Tools {
    fn from_rows(rows: &[Row]) -> Tools {
        let path = |item: &str| {
            let row = rows.iter().find(|row| row.item == item);
            row.and_then(|row| row.path.clone()).unwrap_or_default()
        };
        let rustc = path("rustc");
        let version = |row: &Row| Some(format!("{} {}", row.item, row.version.as_ref()?));
        Tools {
            rustdoc: rustc.with_file_name("rustdoc"),
            rustc,
            bindgen: path("bindgen"),
            libclang: path("libclang"),
            clang: path("clang"),
            make: path("make"),
            qemu: path("qemu-system-x86_64"),
            fio: path("fio"),
            sockperf: path("sockperf"),
            iperf3: path("iperf3"),
            cyclictest: path("cyclictest"),
            ip: path("ip"),
            unshare: path("unshare"),
            nsenter: path("nsenter"),
            b4: path("b4"),
            rustfmt: path("rustfmt"),
            clippy_driver: path("clippy-driver"),
            sparse: path("sparse"),
            cargo_fuzz: path("cargo-fuzz"),
            busybox: path("busybox"),
            versions: rows.iter().filter_map(version).collect(),
        }
    }
}

/// As [`ensure_for`], for the default line, and not offline.
pub fn ensure(place: &Place, needs: &[Need]) -> Result<Tools> {
    ensure_for(place, needs, line::DEFAULT, false)
}

/// Looks for the tools in `needs`, as `doctor` does. If xtask runs as root or in CI, where it can
/// ask nobody, it installs missing tools unless `offline`. Fails if a tool is still missing.
pub fn ensure_for(place: &Place, needs: &[Need], line: &Line, offline: bool) -> Result<Tools> {
    let mut rows = probe::all(place, needs, line);
    let unattended = is_root() || std::env::var("CI").is_ok_and(|ci| ci == "true");
    if rows.iter().any(Row::is_lacking) && unattended && !offline {
        eprint!("{}", table(&rows));
        install(place, &rows)?;
        rows = probe::all(place, needs, line);
    }
    check(place, &rows)?;
    Ok(Tools::from_rows(&rows))
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Fails if a tool is missing. The fault names it and the command that installs it.
pub fn check(place: &Place, rows: &[Row]) -> Result<()> {
    let lacking: Vec<&Row> = rows.iter().filter(|row| row.is_lacking()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let mut text = "this machine lacks:".to_owned();
    for row in &lacking {
        text += format!("\n  {}  {}", row.item, row.details()).trim_end();
    }
    let remedy = match install_line(place, rows) {
        Ok(line) => format!("\nto install: {line}"),
        Err(err) => format!("\n{err}"),
    };
    Err(fault::environment(text + &remedy))
}

pub fn install(place: &Place, rows: &[Row]) -> Result<()> {
    let commands = install_commands(place, rows)?;
    let _lock = lock::take(place, "tools")?;
    if commands.iter().any(|words| words[0] == "sudo") {
        authenticate()?;
    }
    let log = place.logs().join("install.log");
    let stage = Stage::new("installing what is missing");
    for words in commands {
        let mut cmd = Command::new(&words[0]);
        cmd.args(&words[1..])
            .current_dir(&place.root)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if let Some(libclang) = toolchain::libclang_dir() {
            cmd.env("LIBCLANG_PATH", libclang);
        }
        stage.run(&mut cmd, &log)?;
    }
    fetches(rows).into_iter().try_for_each(|fetch| fetch(place))
}

/// The commands that install everything that is missing in `rows`, as a user would type them.
fn install_line(place: &Place, rows: &[Row]) -> Result<String> {
    let commands = install_commands(place, rows)?.into_iter();
    let fetch = (!fetches(rows).is_empty()).then(|| "cargo xtask doctor --install".to_owned());
    let lines: Vec<String> = commands.map(|words| words.join(" ")).chain(fetch).collect();
    Ok(lines.join(" && "))
}

/// Lets sudo ask for the user's password now, if it needs one. The install steps run in the
/// background, where sudo would stop at its prompt and wait forever.
fn authenticate() -> Result<()> {
    let line = "sudo --validate";
    let asked = Command::new("sudo").arg("--validate").status();
    match asked
        .with_context(|| format!("running `{line}`"))?
        .success()
    {
        true => Ok(()),
        false => Err(fault::environment(format!(
            "`{line}` failed: run the command as root, or run by hand what `cargo xtask doctor` \
             prints"
        ))),
    }
}

/// The commands that install what is missing in `rows` and what a package manager has, in order.
fn install_commands(place: &Place, rows: &[Row]) -> Result<Vec<Vec<String>>> {
    let lacking = || rows.iter().filter(|row| row.is_lacking());
    if let Some((row, variable)) = lacking().find_map(|row| Some((row, row.chosen_by?))) {
        return Err(fault::environment(format!(
            "the {} that {variable} names cannot be used ({}): unset {variable}, or set it to \
             another path",
            row.item,
            row.details()
        )));
    }
    let names: Vec<&str> = lacking().map(|row| row.item).collect();
    let mut commands = distro::install_commands(&probe::packages(&names))?;
    if !is_root() {
        for command in &mut commands {
            command.insert(0, "sudo".into());
        }
    }
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    for (name, package, version) in CRATES {
        if names.contains(&name) {
            let root = place.tools().display().to_string();
            let line = format!("cargo install {package} --version {version} --locked --root");
            commands.push([words(&line), vec![root]].concat());
        }
    }
    if names.contains(&"b4") {
        let venv = place.tools().join("b4").display().to_string();
        let pip = format!("{venv}/bin/pip");
        commands.push([words("python3 -m venv --clear"), vec![venv]].concat());
        commands.push([vec![pip], words("install --no-input -r ci/b4.txt")].concat());
    }
    Ok(commands)
}

/// The functions that get what is missing in `rows` and what no package manager has. They work
/// without root.
fn fetches(rows: &[Row]) -> Vec<fn(&Place) -> Result<()>> {
    let lacks = |item: &str| rows.iter().any(|row| row.item == item && row.is_lacking());
    let mut fetches: Vec<fn(&Place) -> Result<()>> = Vec::new();
    if lacks("qemu-system-x86_64") && distro::newer_qemu().is_some() {
        fetches.push(qemu::fetch);
    }
    if lacks("sparse") {
        fetches.push(sparse::fetch);
    }
    fetches
}

pub fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let state = match row.state {
            State::Found => "found",
            State::Missing => "MISSING",
            State::TooOld => "TOO OLD",
        };
        let text = format!("{:<20} {state:<8} {}", row.item, row.details());
        text.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
