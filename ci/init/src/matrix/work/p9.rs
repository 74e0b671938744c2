// SPDX-License-Identifier: GPL-2.0
//! 9p: writes to a file in a folder of the host, and reads the data back.

use anyhow::{Context, Result};
use fs_err::os::unix::fs::FileExt;
use fs_err::{self as fs, File};
use nix::mount::{MsFlags, mount, umount};

use super::{Counter, Work, pattern, same};
use crate::procfs::read;
use crate::virtio::Virtio;

/// Number of blocks in a batch. Each is written and read.
const BATCH: u64 = 100;
const BYTES: usize = 4096;
const PLACE: &str = "/tmp/9p";
/// Without a cache, each call sends a message to the host.
const OPTIONS: &str = "trans=virtio,version=9p2000.L,cache=none";

pub struct Share {
    // Declared before `_mounted`, so that the file is closed before the folder is unmounted.
    file: File,
    _mounted: Mounted,
    written: u64,
}

impl Share {
    pub fn open(virtio: &Virtio) -> Result<Share> {
        let tag = read(virtio.path().join("mount_tag"))?;
        let tag = tag.trim_end_matches('\0');
        let mounted = Mounted::new(tag)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Share {
            file: options.open(format!("{PLACE}/data"))?,
            _mounted: mounted,
            written: 0,
        })
    }
}

impl Work for Share {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for block in 0..BATCH {
            let offset = block * BYTES as u64;
            let data = pattern(self.written, BYTES);
            self.file.write_all_at(&data, offset)?;
            let mut back = vec![0; BYTES];
            self.file.read_exact_at(&mut back, offset)?;
            same(self.written, &data, &back)?;
            self.written += 1;
            done.add(2);
        }
        Ok(())
    }
}

struct Mounted;

impl Mounted {
    fn new(tag: &str) -> Result<Mounted> {
        fs::create_dir_all(PLACE)?;
        mount(
            Some(tag),
            PLACE,
            Some("9p"),
            MsFlags::empty(),
            Some(OPTIONS),
        )
        .with_context(|| format!("mounting '{tag}' ({OPTIONS})"))?;
        Ok(Mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(err) = umount(PLACE) {
            eprintln!("init: unmounting {PLACE}: {err}");
        }
    }
}
