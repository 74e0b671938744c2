// SPDX-License-Identifier: GPL-2.0
//! The virtual machine as QEMU's command line says it. Starting it is `session.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use guest_protocol::{Device, Transport};

use super::accel::Accelerator;
use super::board::Board;
use super::netns::{self, TAP};
use kernel::config::{Config, WAIT_ARGS};
use kernel::image::Image;

/// What every guest boots with: a crash ends QEMU at once, and the idle loop under test is there
/// on any accelerator.
pub const KERNEL_ARGS: &str = "console=ttyS0 printk.time=1 oops=panic panic=-1 \
    cpuidle_haltpoll.force=1 haltpoll.guest_halt_poll_ns=2000000";
/// And under TCG. The guest's init brings up the other processors; its cpus.rs says why. A busy
/// host stalls a processor for longer than the watchdog of the clock bears, and for so long that
/// the kernel finds no timer interrupt and panics.
pub const TCG_KERNEL_ARGS: &str = "maxcpus=1 tsc=reliable no_timer_check";
/// QEMU's first arguments: nothing but what is named after them.
pub const NOTHING_ELSE: [&str; 4] = ["-nodefaults", "-no-user-config", "-display", "none"];
pub const MEMORY_MIB: u64 = 1024;
const DISK_BYTES: u64 = 1 << 30;
/// Small enough to be filled by a test, and so to stay in the host's page cache.
pub const MEMORY_DISK_BYTES: u64 = 16 << 20;
/// The name of the one thread that serves all disks.
const IOTHREAD: &str = "io0";
/// QEMU's name of what the network card leads to.
pub const NETDEV: &str = "net0";

#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub cpus: u32,
    /// Under TCG they take turns in one thread, and none sees the machine while another changes it.
    pub one_thread: bool,
    /// In order: vda, vdb, ...
    pub disks: Vec<Disk>,
    /// How long the disks' thread polls for requests before it sleeps; None: as QEMU does.
    pub iothread_poll: Option<Duration>,
    /// Queues of each disk that only the block layer's own polling uses.
    pub poll_queues: u32,
    /// Of the board's network card; without a board it comes with a card.
    pub network: Network,
    /// That card lets a packet wait for so long, and others join it, before it sends any.
    pub sends_after: Option<Duration>,
    /// That card's driver uses the DMA API, without which AF_XDP copies.
    pub card_by_dma_api: bool,
    /// A reset starts the machine again, and does not end the run.
    pub restarts: bool,
    /// Somebody talks to QEMU while the guest runs.
    pub control: bool,
    /// Devices under test, beside or instead of those above.
    pub board: Option<Board>,
    /// QEMU's plugin that counts instructions (`xtask/counter`).
    pub counter: Option<PathBuf>,
    /// What its kernel is told besides.
    pub kernel_args: Vec<&'static str>,
}

/// What a virtio network card leads to, if there is one.
#[derive(Clone, Debug, Default)]
pub enum Network {
    #[default]
    None,
    /// QEMU's user network, shut: nobody but its gateway, which answers pings.
    Shut,
    /// QEMU's user network, in which the guest reaches this host's loopback.
    User,
    /// The tap of a namespace, in which QEMU then runs, and its queue pairs.
    Tap { inside: netns::Entry, pairs: u32 },
}

#[derive(Clone, Debug)]
pub enum Disk {
    /// Answers after a set time and keeps nothing.
    Timed { latency: Duration, queues: u32 },
    /// Keeps what is written, in a file of the run's folder.
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

    /// As QEMU calls it.
    fn kind(&self) -> &'static str {
        match self.is_mmio() {
            // Without ACPI: the kernel would do without the timer chips of old as well, and it has
            // no other clock under TCG.
            true => "microvm,acpi=off",
            false => "q35",
        }
    }

    /// The disks' thread, for QEMU's -object.
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

    /// The network card, for QEMU's -device.
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

    /// A network is of no use to a board without one.
    fn has_card(&self) -> bool {
        let board = self.board.as_ref();
        board.is_none_or(|board| board.devices.contains(&Device::Net))
    }

    pub fn has_memory_disk(&self) -> bool {
        self.disks.iter().any(|disk| matches!(disk, Disk::Memory))
    }
}

impl Network {
    /// The far end of the card, for QEMU's -netdev.
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

    /// A program with this network around it.
    fn command(&self, program: &Path) -> Command {
        match self {
            Network::Tap { inside, .. } => inside.command(program),
            _ => Command::new(program),
        }
    }

    /// Whether QEMU's main thread has something to do: it carries every packet.
    pub fn is_busy(&self) -> bool {
        matches!(self, Network::User | Network::Tap { .. })
    }
}

impl Disk {
    /// One to be polled: it takes long enough to be waited for. With 400 us and lockdep, 40 % of the
    /// operations were over before the processor waited.
    pub fn polled(config: &Config, queues: u32) -> Disk {
        let us = if config.is_slow() { 2000 } else { 100 };
        Disk::Timed {
            latency: Duration::from_micros(us),
            queues,
        }
    }

    /// The disk with this index, and its device; the thread that serves it is the caller's.
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

    /// What QEMU itself says.
    pub fn qemu(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    pub fn initramfs(&self) -> PathBuf {
        self.dir.join("initramfs.cpio")
    }

    pub fn memory_disk(&self) -> PathBuf {
        self.dir.join("memory.raw")
    }

    /// What the plugin counted.
    pub fn counts(&self) -> PathBuf {
        self.dir.join("counts.txt")
    }
}

/// A path as the value of one of QEMU's options, where a comma is written twice.
pub fn value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// QEMU's command line.
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
        // In this order: the console is ttyS0, the reports ttyS1.
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

/// The second serial port. A machine without PCI brings only the first along.
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
    // The machine's own come later, and so win.
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
        // Nothing else there can reset it.
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
