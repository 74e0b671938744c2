// SPDX-License-Identifier: GPL-2.0
//! `doctor`: what the machine has, what it lacks, and the line that installs
//! it. `probe` looks for each thing; `distro` knows the packages.

pub mod distro;
mod probe;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::fault;
use crate::guest::accel;
use crate::guest::image::Image;
use crate::guest::session::Rig;
use crate::line::{self, Line};
use crate::lock;
use crate::options::Accel;
use crate::place::Place;
use crate::run::{self, Stage};
use probe::{Row, State};

/// Debian 12's bindgen is too old for any line; this one is new enough for all.
const BINDGEN: &str = "0.73.0";

/// Check that this machine has everything, and print or run the command that installs the rest
///
/// Prints a table: what is there (version, path), what is missing or too old,
/// and one command that installs it on this distribution. Changes nothing without
/// --install. Ends with 6 if something is missing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Check the requirements of this kernel line
    #[arg(long, value_name = "LINE", default_value = line::DEFAULT.name)]
    base: String,

    /// Install what is missing
    #[arg(long)]
    install: bool,

    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// What `fuzz` runs.
const CARGO_FUZZ: &str = "0.13.2";

/// What a command needs from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// git and what unpacks a tarball.
    Fetch,
    /// Compilers and libraries that kbuild and in-kernel Rust ask for.
    Kernel,
    /// What kbuild asks for a module, besides the kernel's headers.
    Module,
    /// clang, for kernels that gcc does not compile.
    Clang,
    /// QEMU.
    Guest,
    /// fio, which the guest runs.
    Fio,
    /// sockperf and iperf3, and what makes and configures their network.
    Net,
    /// cyclictest, and what makes and configures its guest's network.
    Cost,
    /// What makes and configures a network for the soak's guests.
    Link,
    /// ip, which sets up IPsec in the matrix's guests.
    Ipsec,
    /// What compiles the C shim for the host: a C compiler and libclang.
    Harness,
    /// valgrind, which counts instructions on the host.
    Valgrind,
    /// cargo-fuzz, and a compiler for the C++ of libFuzzer.
    Fuzz,
    /// What looks at the patches: see `gates`.
    Gates,
    /// b4, and what keeps the network from it.
    B4,
    /// What makes a Debian package.
    Package,
    /// What makes a root file system of Debian 13, and enters it.
    Root,
    /// busybox, for guests that run scripts; all that is in that of patches/README.md.
    ByHand,
}

impl Need {
    pub const ALL: [Need; 18] = [
        Need::Fetch,
        Need::Kernel,
        Need::Module,
        Need::Clang,
        Need::Guest,
        Need::Fio,
        Need::Net,
        Need::Cost,
        Need::Link,
        Need::Ipsec,
        Need::Harness,
        Need::Valgrind,
        Need::B4,
        Need::Package,
        Need::Root,
        Need::ByHand,
        Need::Fuzz,
        Need::Gates,
    ];
}

/// The programs found. Those that nobody asked for are empty.
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
    /// A static one.
    pub busybox: PathBuf,
    /// "NAME VERSION" of each, for keys and reports.
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

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let line = line::find(&args.base)?;
    let mut rows = probe::all(&place, &Need::ALL, line);
    if args.install && rows.iter().any(Row::is_lacking) {
        install(&place, &rows)?;
        rows = probe::all(&place, &Need::ALL, line);
    }
    if !rows.iter().any(Row::is_lacking) {
        rows.push(accelerator(&place, line)?);
    }
    if args.json {
        print_json(&place, &rows)?;
    } else {
        print!("{}", table(&rows));
    }
    match lacking(&place, &rows) {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// The tools that `needs` name, for the default line.
pub fn ensure(place: &Place, needs: &[Need]) -> Result<Tools> {
    ensure_for(place, needs, line::DEFAULT, false)
}

/// Checks as `doctor` does; installs what is missing as root or in CI, where
/// nobody is there to ask, unless `offline`.
pub fn ensure_for(place: &Place, needs: &[Need], line: &Line, offline: bool) -> Result<Tools> {
    let mut rows = probe::all(place, needs, line);
    let unattended = is_root() || std::env::var("CI").is_ok_and(|ci| ci == "true");
    if rows.iter().any(Row::is_lacking) && unattended && !offline {
        eprint!("{}", table(&rows));
        install(place, &rows)?;
        rows = probe::all(place, needs, line);
    }
    match lacking(place, &rows) {
        Some(fault) => Err(fault),
        None => Ok(Tools::from_rows(&rows)),
    }
}

/// Runs a guest to see whether KVM does. That takes a kernel; without one the
/// row says so, and the first command that runs a guest will find out.
fn accelerator(place: &Place, line: &Line) -> Result<Row> {
    let row = Row::new("accelerator");
    let kernel = place.kernel_out(line.name).join("bzImage");
    if !kernel.is_file() {
        return Ok(row.right("not probed: that runs a guest, and build-kernel has not run yet"));
    }
    let rig = Rig::new(place)?;
    let accelerator = accel::choose(&rig, &Image::file(&kernel)?, Accel::Auto)?;
    Ok(row.right(accelerator.name()))
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// What the machine lacks and how to get it; None if it lacks nothing.
fn lacking(place: &Place, rows: &[Row]) -> Option<anyhow::Error> {
    let lacking: Vec<&Row> = rows.iter().filter(|row| row.is_lacking()).collect();
    if lacking.is_empty() {
        return None;
    }
    let mut text = "this machine lacks:".to_owned();
    for row in &lacking {
        text += format!("\n  {}  {}", row.item, row.details()).trim_end();
    }
    let remedy = match install_line(place, rows) {
        Ok(line) => format!("\nto install: {line}"),
        Err(err) => format!("\n{err}"),
    };
    Some(fault::environment(text + &remedy))
}

fn install(place: &Place, rows: &[Row]) -> Result<()> {
    let commands = install_commands(place, rows)?;
    let _lock = lock::take(place, "tools")?;
    let log = place.logs().join("install.log");
    let stage = Stage::new("installing what is missing");
    for words in commands {
        let mut cmd = Command::new(&words[0]);
        cmd.args(&words[1..])
            .current_dir(&place.root)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if let Some(libclang) = probe::libclang_dir() {
            cmd.env("LIBCLANG_PATH", libclang);
        }
        stage.run(&mut cmd, &log)?;
    }
    Ok(())
}

fn install_line(place: &Place, rows: &[Row]) -> Result<String> {
    let commands = install_commands(place, rows)?;
    let lines: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
    Ok(lines.join(" && "))
}

/// The commands that install what `rows` lack, in order.
fn install_commands(place: &Place, rows: &[Row]) -> Result<Vec<Vec<String>>> {
    let lacking: Vec<&Row> = rows.iter().filter(|row| row.is_lacking()).collect();
    if let Some(row) = lacking.iter().find(|row| row.chosen_by.is_some()) {
        let variable = row.chosen_by.unwrap_or_default();
        return Err(fault::environment(format!(
            "{variable} chose the {} that will not do ({}): unset it, or point it at another",
            row.item,
            row.details()
        )));
    }
    let names: Vec<&str> = lacking.iter().map(|row| row.item).collect();
    let mut commands = distro::install_commands(&names)?;
    if !is_root() {
        for command in &mut commands {
            command.insert(0, "sudo".into());
        }
    }
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    if names.contains(&"bindgen") {
        let root = place.tools().display().to_string();
        let line = format!("cargo install bindgen-cli --version {BINDGEN} --locked --root");
        commands.push([words(&line), vec![root]].concat());
    }
    if names.contains(&"cargo-fuzz") {
        let root = place.tools().display().to_string();
        let line = format!("cargo install cargo-fuzz --version {CARGO_FUZZ} --locked --root");
        commands.push([words(&line), vec![root]].concat());
    }
    if names.contains(&"b4") {
        let venv = place.tools().join("b4").display().to_string();
        let pip = format!("{venv}/bin/pip");
        commands.push([words("python3 -m venv --clear"), vec![venv]].concat());
        commands.push([vec![pip], words("install --no-input -r ci/b4.txt")].concat());
    }
    if names.contains(&"qemu-system-x86_64") && distro::newer_qemu().is_some() {
        commands.push(words("cargo xtask fetch --qemu"));
    }
    if names.contains(&"sparse") {
        commands.push(words("cargo xtask fetch --sparse"));
    }
    Ok(commands)
}

fn table(rows: &[Row]) -> String {
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

fn print_json(place: &Place, rows: &[Row]) -> Result<()> {
    let install = rows
        .iter()
        .any(Row::is_lacking)
        .then(|| install_line(place, rows));
    let findings = serde_json::json!({
        "schema": 1,
        "items": rows,
        "install": install.and_then(Result::ok),
    });
    let text = serde_json::to_string_pretty(&findings).context("writing JSON")?;
    run::check_interrupt()?;
    println!("{text}");
    Ok(())
}
