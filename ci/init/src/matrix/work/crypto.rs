// SPDX-License-Identifier: GPL-2.0
//! crypto: pings from the guest to itself by IPsec, the kernel's own use of a device's cipher. A
//! checksum behind each encrypted text tells whether it was complete when it was sent.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::ping::Ping;
use super::{Counter, Work};
use crate::client;
use crate::procfs::{self, field, number, read, tasks};
use crate::soon::{soon, until};
use crate::virtio::Virtio;

const CIPHER: &str = "cbc(aes)";
const DRIVER: &str = "virtio_crypto_aes_cbc";
/// What IPsec makes of the cipher and a checksum.
const BOTH: &str = "authenc(hmac(sha256),cbc(aes))";
/// Of AES; twice that is the checksum's.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";

const BATCH: u64 = 100;
/// The request is encrypted and decrypted, and so is the answer.
const OPERATIONS: u64 = 4;
const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub struct Ipsec {
    // Its socket keeps the association in use, so it goes first.
    ping: Ping,
    _association: Association,
    engine: Engine,
}

impl Ipsec {
    pub fn open(virtio: &Virtio) -> Result<Ipsec> {
        soon(|| references(&read("/proc/crypto")?, CIPHER))?;
        let engine = Engine::of(virtio)?;
        let association = Association::set_up()?;
        let crypto = read("/proc/crypto")?;
        ensure!(
            references(&crypto, BOTH)? > 1,
            "/proc/crypto does not show {DRIVER} at work for {BOTH}: {crypto}"
        );
        Ok(Ipsec {
            ping: Ping::to(ADDRESS)?,
            _association: association,
            engine,
        })
    }
}

impl Work for Ipsec {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        self.engine.follow()?;
        for _ in 0..BATCH {
            self.ping.echo()?;
            done.add(OPERATIONS);
        }
        Ok(())
    }
}

/// Of the algorithm as the device's driver computes it, alone or with others; 1 is the kernel's own.
fn references(crypto: &str, algorithm: &str) -> Result<u64> {
    let entry = crypto.split("\n\n").find(|entry| {
        field(entry, "name") == Some(algorithm)
            && field(entry, "driver").is_some_and(|driver| driver.contains(DRIVER))
    });
    let entry = entry.with_context(|| format!("/proc/crypto has no {algorithm} of {DRIVER}"))?;
    number(entry, "refcnt").with_context(|| format!("in /proc/crypto: {entry}"))
}

/// The kernel's thread that hands texts to the device.
struct Engine(Pid);

impl Engine {
    fn of(virtio: &Virtio) -> Result<Engine> {
        let name = format!("{}-engine", virtio.name);
        let found = tasks()?.into_iter().find(|(_, task)| *task == name);
        let (pid, _) = found.with_context(|| format!("no thread {name}"))?;
        Ok(Engine(Pid::from_raw(pid)))
    }

    /// To the processors of this thread: on the one that polls, it would keep that from polling
    /// just when the device answers.
    fn follow(&self) -> Result<()> {
        let cpus = sched_getaffinity(Pid::from_raw(0)).context("asking for this thread's CPUs")?;
        sched_setaffinity(self.0, &cpus).context("moving the device's thread")
    }
}

/// From the address to itself, so one serves both ends.
struct Association;

impl Association {
    fn set_up() -> Result<Association> {
        client::run("ip", "link set lo up")?;
        // The loopback is exempt unless told otherwise.
        for exempt in ["disable_xfrm", "disable_policy"] {
            procfs::write(format!("/proc/sys/net/ipv4/conf/lo/{exempt}"), 0)?;
        }
        // From here on there is something to take down.
        let association = Association;
        let ends = format!("src {ADDRESS} dst {ADDRESS}");
        xfrm(&format!(
            "state add {ends} proto esp spi 0x1000 reqid 1 mode transport \
             enc cbc(aes) 0x{KEY} auth-trunc hmac(sha256) 0x{KEY}{KEY} 128"
        ))?;
        // Pings alone. The guest has no names of protocols.
        let icmp = libc::IPPROTO_ICMP;
        for way in ["out", "in"] {
            xfrm(&format!(
                "policy add {ends} proto {icmp} dir {way} tmpl {ends} proto esp reqid 1 mode transport"
            ))?;
        }
        Ok(association)
    }
}

impl Drop for Association {
    /// The kernel lets go of the device's cipher a moment later; a driver that goes before that
    /// leaves the cipher without its device.
    fn drop(&mut self) {
        let is_free =
            || read("/proc/crypto").is_ok_and(|it| references(&it, CIPHER).is_ok_and(|n| n == 1));
        let down = xfrm("policy flush")
            .and_then(|()| xfrm("state flush"))
            .and_then(|()| until(&format!("{DRIVER} is free"), is_free));
        if let Err(err) = down {
            eprintln!("init: taking down IPsec: {err:#}");
        }
    }
}

fn xfrm(what: &str) -> Result<()> {
    client::run("ip", &format!("xfrm {what}")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_devices_own_algorithms_count() {
        let entry = |name: &str, driver: &str, users: u32| {
            format!("name         : {name}\ndriver       : {driver}\nrefcnt       : {users}\n\n")
        };
        let crypto = entry(CIPHER, "cbc(aes-lib)", 9)
            + &entry(CIPHER, DRIVER, 2)
            + &entry(BOTH, "authenc(hmac-sha256-lib,cbc(aes-lib))", 9)
            + &entry(BOTH, &format!("authenc(hmac-sha256-lib,{DRIVER})"), 3);
        assert_eq!(references(&crypto, CIPHER).unwrap(), 2);
        assert_eq!(references(&crypto, BOTH).unwrap(), 3);
        assert!(references(&crypto, "ecb(aes)").is_err());
        assert!(references("name : cbc(aes)\n", CIPHER).is_err());
    }
}
