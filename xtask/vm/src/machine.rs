// SPDX-License-Identifier: GPL-2.0
//! A virtual machine and its QEMU command line. `session.rs` starts it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use guest_protocol::{Device, Transport};

use super::accel::Accelerator;
use super::board::Board;
use super::netns::{self, TAP};
use kernel::config::{Config, WAIT_ARGS};
use kernel::image::Image;

/// Kernel arguments of every guest. A crash ends QEMU at once. The idle loop under test exists on
/// any accelerator.
pub const KERNEL_ARGS: &str = "console=ttyS0 printk.time=1 oops=panic panic=-1 \
    cpuidle_haltpoll.force=1 haltpoll.guest_halt_poll_ns=2000000";
/// Additional kernel arguments under TCG. The guest's init brings up the other CPUs; its cpus.rs
/// says why. A busy host can stall a CPU for longer than the clock's watchdog allows, or for so
/// long that the kernel finds no timer interrupt and panics.
pub const TCG_KERNEL_ARGS: &str = "maxcpus=1 tsc=reliable no_timer_check";
/// QEMU's first arguments: the machine has only what is named after them.
pub const NOTHING_ELSE: [&str; 4] = ["-nodefaults", "-no-user-config", "-display", "none"];
pub const MEMORY_MIB: u64 = 1024;
const DISK_BYTES: u64 = 1 << 30;
/// Bytes of a disk that keeps its data: a test can fill it, and the host's page cache holds it.
pub const MEMORY_DISK_BYTES: u64 = 16 << 20;
/// Name of the one thread that serves all disks.
const IOTHREAD: &str = "io0";
/// QEMU's id of the network card's backend.
pub const NETDEV: &str = "net0";

#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub cpus: u32,
    /// Under TCG, one thread runs all CPUs: none sees the machine while another changes it.
    pub one_thread: bool,
    /// In order: vda, vdb, ...
    pub disks: Vec<Disk>,
    /// How long the disks' thread polls for requests before it sleeps. None: QEMU's default.
    pub iothread_poll: Option<Duration>,
    /// Queues of each disk that only the block layer's own polling uses.
    pub poll_queues: u32,
    /// Backend of the board's network card. Without a board, the machine adds a card of its own.
    pub network: Network,
    /// How long the machine's own card delays a packet before it sends, so that others can join it.
    pub sends_after: Option<Duration>,
    /// The driver of the machine's own card uses the DMA API. Otherwise AF_XDP copies.
    pub card_by_dma_api: bool,
    /// A reset starts the machine again instead of ending the run.
    pub restarts: bool,
    /// The caller uses QEMU's control socket while the guest runs.
    pub control: bool,
    /// Devices under test, in addition to those above or instead of them.
    pub board: Option<Board>,
    /// QEMU's plugin that counts instructions (`xtask/counter`).
    pub counter: Option<PathBuf>,
    /// Additional kernel arguments.
    pub kernel_args: Vec<&'static str>,
}

/// The backend of a virtio network card, if there is one.
#[derive(Clone, Debug, Default)]
pub enum Network {
    #[default]
    None,
    /// QEMU's user network without access to anything but its gateway, which answers pings.
    Shut,
    /// QEMU's user network, in which the guest reaches this host's loopback.
    User,
    /// A tap in a network namespace, with its queue pairs. QEMU runs inside the namespace.
    Tap { inside: netns::Entry, pairs: u32 },
}

#[derive(Clone, Debug)]
pub enum Disk {
    /// Answers after a set time and keeps no data.
    Timed { latency: Duration, queues: u32 },
    /// Keeps its data, in a file of the run's folder.
    Memory,
}

impl Machine {
    /// The smallest machine that boots.
    pub fn bare() -> Machine {
        Machine {
            cpus: 1,
            ..Machine::default()
        }
    }

    /// Returns QEMU's name of the machine type.
    fn kind(&self) -> &'static str {
        match self.is_mmio() {
            // ACPI is off. With it the kernel would not use the old timer chips either, and under
            // TCG it has no other clock.
            true => "microvm,acpi=off",
            false => "q35",
        }
    }

    /// Returns the disks' thread, for QEMU's -object.
    fn iothread(&self) -> String {
        match self.iothread_poll {
            Some(most) => format!("iothread,id={IOTHREAD},poll-max-ns={}", most.as_nanos()),
            None => format!("iothread,id={IOTHREAD}"),
        }
    }

    fn is_mmio(&self) -> bool {
        self.board
            .as_ref()
            .is_some_and(|board| board.transport == Transport::Mmio)
    }

    /// Returns the network card, for QEMU's -device.
    fn card(&self) -> String {
        let mut card = format!("virtio-net-pci,netdev={NETDEV}");
        if let Network::Tap { pairs, .. } = self.network
            && pairs > 1
        {
            // A vector for each queue, one for the control queue, one for the configuration.
            card += &format!(",mq=on,vectors={}", pairs * 2 + 2);
        }
        if let Some(wait) = self.sends_after {
            card += &format!(",tx=timer,x-txtimer={}", wait.as_nanos());
        }
        if self.card_by_dma_api {
            card += ",iommu_platform=on,disable-legacy=on";
        }
        card
    }

    /// Whether the machine has a network card. A board without one needs no network.
    fn has_card(&self) -> bool {
        let board = self.board.as_ref();
        board.is_none_or(|board| board.devices.contains(&Device::Net))
    }

    pub fn has_memory_disk(&self) -> bool {
        self.disks.iter().any(|disk| matches!(disk, Disk::Memory))
    }
}

impl Network {
    /// Returns the backend of the card, for QEMU's -netdev.
    fn backend(&self) -> Option<String> {
        match self {
            Network::None => None,
            Network::Shut => Some("user,restrict=on".into()),
            Network::User => Some("user,ipv6=off".into()),
            Network::Tap { pairs, .. } => {
                let queues = match pairs {
                    1 => String::new(),
                    pairs => format!(",queues={pairs}"),
                };
                Some(format!("tap,ifname={TAP},script=no,downscript=no{queues}"))
            }
        }
    }

    /// Returns a command that runs a program inside this network.
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Network::Tap { inside, .. } => inside.command(program),
            _ => Command::new(program),
        }
    }

    /// Whether QEMU's main thread is busy with the network: it carries every packet.
    pub fn is_busy(&self) -> bool {
        matches!(self, Network::User | Network::Tap { .. })
    }
}

impl Disk {
    /// Returns a disk for tests of polling. Its latency is long enough for a CPU to wait. With 400
    /// us and lockdep, 40 % of the operations completed before the CPU waited.
    pub fn polled(config: &Config, queues: u32) -> Disk {
        let us = if config.is_slow() { 2000 } else { 100 };
        Disk::Timed {
            latency: Duration::from_micros(us),
            queues,
        }
    }

    /// QEMU's arguments for the disk with this index. The caller adds the thread that serves it.
    pub fn qemu_args(&self, index: usize, files: &GuestFiles) -> [String; 4] {
        let (backend, queues) = match self {
            Disk::Timed { latency, queues } => (
                format!(
                    "driver=null-co,size={DISK_BYTES},read-zeroes=on,latency-ns={}",
                    latency.as_nanos()
                ),
                *queues,
            ),
            Disk::Memory => {
                let file = value(&files.memory_disk());
                (format!("driver=file,filename={file}"), 1)
            }
        };
        [
            "-blockdev".into(),
            format!("{backend},node-name=disk{index}"),
            "-device".into(),
            format!("virtio-blk-pci,drive=disk{index},iothread={IOTHREAD},num-queues={queues}"),
        ]
    }
}

/// The files of one run, all in one folder that is kept.
#[derive(Clone, Debug)]
pub struct GuestFiles {
    pub dir: PathBuf,
}

impl GuestFiles {
    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    pub fn reports(&self) -> PathBuf {
        self.dir.join("reports.jsonl")
    }

    /// The output of QEMU itself.
    pub fn qemu(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    pub fn initramfs(&self) -> PathBuf {
        self.dir.join("initramfs.cpio")
    }

    pub fn memory_disk(&self) -> PathBuf {
        self.dir.join("memory.raw")
    }

    /// The counts of the plugin.
    pub fn counts(&self) -> PathBuf {
        self.dir.join("counts.txt")
    }
}

/// Returns a path as the value of a QEMU option, in which a comma is written twice.
pub fn value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Returns QEMU's command line.
pub fn command(
    qemu: &Path,
    accel: Accelerator,
    machine: &Machine,
    image: &Image,
    files: &GuestFiles,
) -> Command {
    let mut cmd = machine.network.command(qemu);
    cmd.args(NOTHING_ELSE)
        .args((!machine.restarts).then_some("-no-reboot"))
        .args(["-machine", machine.kind()])
        .args(accel.qemu_args(machine.one_thread))
        .args(["-m", &format!("{MEMORY_MIB}M")])
        .args(["-smp", &machine.cpus.to_string()])
        .arg("-kernel")
        .arg(&image.bzimage)
        .arg("-initrd")
        .arg(files.initramfs())
        .args(["-append", &kernel_args(machine, accel, image)])
        // The order matters: the console is ttyS0, the reports are ttyS1.
        .args(["-serial", &format!("file:{}", files.console().display())])
        .args(report_port(machine, files));
    match &machine.board {
        Some(board) => cmd.args(board.qemu_args(files)),
        None => cmd
            .args(["-object", "rng-builtin,id=rng0"])
            .args(["-device", "virtio-rng-pci,rng=rng0"])
            .args(["-object", &machine.iothread()]),
    };
    for (index, disk) in machine.disks.iter().enumerate() {
        cmd.args(disk.qemu_args(index, files));
    }
    if let Some(backend) = machine.network.backend()
        && machine.has_card()
    {
        cmd.args(["-netdev", &format!("{backend},id={NETDEV}")]);
        if machine.board.is_none() {
            cmd.args(["-device", &machine.card()]);
        }
    }
    if let Some(counter) = &machine.counter {
        let (reports, out) = (value(&files.reports()), value(&files.counts()));
        cmd.arg("-plugin")
            .arg(format!("{},reports={reports},out={out}", value(counter)));
    }
    cmd
}

/// QEMU's arguments for the second serial port. A machine without PCI brings only the first.
fn report_port(machine: &Machine, files: &GuestFiles) -> Vec<String> {
    let file = files.reports();
    match machine.is_mmio() {
        false => vec!["-serial".into(), format!("file:{}", file.display())],
        true => vec![
            "-chardev".into(),
            format!("file,id=reports,path={}", value(&file)),
            "-device".into(),
            "isa-serial,index=1,chardev=reports".into(),
        ],
    }
}

fn kernel_args(machine: &Machine, accel: Accelerator, image: &Image) -> String {
    let mut args = KERNEL_ARGS.to_owned();
    if machine.poll_queues > 0 {
        args += &format!(" virtio_blk.poll_queues={}", machine.poll_queues);
    }
    if machine.board.is_some() {
        args += &format!(" {WAIT_ARGS}");
    }
    // The machine's own arguments come after the image's, and so override them.
    for arg in image
        .config
        .kernel_args()
        .iter()
        .chain(&machine.kernel_args)
    {
        args += &format!(" {arg}");
    }
    args = image.form.kernel_args(&args);
    if machine.is_mmio() {
        // Only a triple fault resets this machine.
        args += " reboot=t";
    }
    if accel == Accelerator::Tcg {
        args += &format!(" {TCG_KERNEL_ARGS}");
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolbox::run::command_line;

    #[test]
    fn the_line_names_all_that_was_asked_for() {
        let machine = Machine {
            cpus: 2,
            one_thread: true,
            disks: vec![
                Disk::Timed {
                    latency: Duration::from_micros(100),
                    queues: 2,
                },
                Disk::Memory,
            ],
            iothread_poll: Some(Duration::from_micros(200)),
            poll_queues: 1,
            network: Network::Shut,
            sends_after: Some(Duration::from_micros(500)),
            card_by_dma_api: true,
            kernel_args: vec!["virtio_net.napi_tx=0"],
            counter: Some("libcounter.so".into()),
            ..Machine::bare()
        };
        let files = GuestFiles {
            dir: "target/logs/a,b".into(),
        };
        let image = Image {
            bzimage: "bzImage".into(),
            ..Image::default()
        };
        let cmd = command(
            Path::new("qemu-system-x86_64"),
            Accelerator::Tcg,
            &machine,
            &image,
            &files,
        );
        let line = command_line(&cmd);
        for part in [
            "-accel tcg",
            "-smp 2",
            "latency-ns=100000,node-name=disk0",
            "-object iothread,id=io0,poll-max-ns=200000 ",
            "drive=disk0,iothread=io0,num-queues=2",
            "filename=target/logs/a,,b/memory.raw,node-name=disk1",
            "virtio_blk.poll_queues=1 virtio_net.napi_tx=0 maxcpus=1",
            "-netdev user,restrict=on,id=net0 -device virtio-net-pci,netdev=net0,\
             tx=timer,x-txtimer=500000,iommu_platform=on,disable-legacy=on",
            "-serial file:target/logs/a,b/console.log -serial file:target/logs/a,b/reports.jsonl",
            "-plugin libcounter.so,reports=target/logs/a,,b/reports.jsonl,out=target/logs/a,,b/counts.txt",
        ] {
            assert!(line.contains(part), "{part:?} is missing from {line}");
        }
    }
}
