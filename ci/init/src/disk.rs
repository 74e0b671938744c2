// SPDX-License-Identifier: GPL-2.0
//! A virtio disk as sysfs shows it: its device, its interrupts, and the CPUs that take them. Also
//! finds disks behind SCSI hosts that do not scan by themselves (`scsi_mod.scan=manual`).

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;
use guest_protocol::scenario::{MEMORY_DISK, TIMED_DISK};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::procfs::{self, read};
use crate::soon::soon;
use crate::virtio::{Virtio, taken_by};

pub const BLOCK: &str = "/sys/block";
const SCSI_HOSTS: &str = "/sys/class/scsi_host";

#[derive(Clone, Debug)]
pub struct VirtioDisk {
    pub name: String,
    pub virtio: Virtio,
}

/// The two disks of the short scenarios.
pub struct Disks {
    pub timed: VirtioDisk,
    pub memory: VirtioDisk,
}

impl Disks {
    pub fn find() -> Result<Disks> {
        Ok(Disks {
            timed: VirtioDisk::find(TIMED_DISK)?,
            memory: VirtioDisk::find(MEMORY_DISK)?,
        })
    }
}

impl VirtioDisk {
    pub fn find(name: &str) -> Result<VirtioDisk> {
        Ok(VirtioDisk {
            name: name.to_owned(),
            virtio: Virtio {
                name: procfs::link(format!("{BLOCK}/{name}/device"))?,
            },
        })
    }

    pub fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// The path of one of the disk's files in sysfs.
    fn file(&self, name: &str) -> String {
        format!("{BLOCK}/{}/{name}", self.name)
    }

    /// Makes a device node in /tmp, and returns its path. The node stays when the driver goes, and
    /// the disk that comes next has the same number. fio would misuse a node in /dev: while that is
    /// gone, fio assumes that it has to create a regular file. To make room for the file it unlinks
    /// the path, where the node is back by then.
    pub fn make_lasting_node(&self) -> Result<String> {
        let path = format!("/tmp/{}", self.name);
        match fs::remove_file(&path) {
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(err.into()),
            _ => {}
        }
        let file = self.file("dev");
        let numbers = read(&file)?;
        let device = numbers
            .split_once(':')
            .and_then(|(major, minor)| Some(makedev(major.parse().ok()?, minor.parse().ok()?)))
            .with_context(|| format!("{file} contains '{numbers}', not MAJOR:MINOR"))?;
        mknod(
            path.as_str(),
            SFlag::S_IFBLK,
            Mode::S_IRUSR | Mode::S_IWUSR,
            device,
        )
        .with_context(|| format!("making {path}"))?;
        Ok(path)
    }

    pub fn queue_polls(&self) -> Result<bool> {
        Ok(read(self.file("queue/io_poll"))? == "1")
    }

    /// Number of reads and writes completed since boot.
    pub fn operations(&self) -> Result<u64> {
        let path = self.file("stat");
        let stat = read(&path)?;
        let columns: Vec<u64> = stat
            .split_whitespace()
            .map_while(|column| column.parse().ok())
            .collect();
        match columns[..] {
            [reads, _, _, _, writes, ..] => Ok(reads + writes),
            _ => bail!("{path} has too few columns: '{stat}'"),
        }
    }

    /// Number of requests that the device has not completed yet.
    pub fn in_flight(&self) -> Result<u64> {
        let path = self.file("inflight");
        let counts = read(&path)?;
        let counts = counts.split_whitespace().map(str::parse::<u64>);
        let sum: Result<u64, _> = counts.sum();
        sum.with_context(|| format!("parsing {path}"))
    }

    /// The CPUs that take the request queues' interrupts, in the order of the queues.
    pub fn irq_cpus(&self) -> Result<Vec<usize>> {
        let lines = self.virtio.lines()?;
        lines.iter().map(|line| taken_by(line.irq)).collect()
    }

    pub fn sectors(&self) -> Result<u64> {
        procfs::value(self.file("size"))
    }
}

/// Makes each SCSI host look at channel 0, target 0, LUN 0, where QEMU puts the first disk. When
/// this returns, the disk's queues are started. A host that scans by itself goes on through all 256
/// targets long after its driver is bound, and starts and frees queues for each.
pub fn find_first_scsi() -> Result<()> {
    soon(|| {
        let hosts = procfs::names(SCSI_HOSTS)?;
        ensure!(!hosts.is_empty(), "{SCSI_HOSTS} is empty");
        let scan =
            |host: &String| procfs::write(Path::new(SCSI_HOSTS).join(host).join("scan"), "0 0 0");
        hosts.iter().try_for_each(scan)
    })
}
