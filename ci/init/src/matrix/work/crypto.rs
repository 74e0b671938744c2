// SPDX-License-Identifier: GPL-2.0
//! crypto: pings from the guest to itself through IPsec, which is the kernel's own user of a
//! device's cipher. A checksum after each encrypted text shows whether the text was complete when
//! it was sent.

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
/// The algorithm that IPsec builds from the cipher and a checksum.
const BOTH: &str = "authenc(hmac(sha256),cbc(aes))";
/// Key for AES. The key for the checksum is this one twice.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";

const BATCH: u64 = 100;
/// Operations per ping: the request is encrypted and decrypted, and so is the answer.
const OPERATIONS: u64 = 4;
const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub struct Ipsec {
    // The socket keeps the association in use, so this field is first and is dropped first.
    ping: Ping,
    _association: Association,
    /// The kernel thread that passes texts to the device.
    engine: Pid,
}

impl Ipsec {
    pub fn open(virtio: &Virtio) -> Result<Ipsec> {
        soon(|| references(&read("/proc/crypto")?, CIPHER))?;
        let engine = engine(virtio)?;
        let association = Association::set_up()?;
        let crypto = read("/proc/crypto")?;
        ensure!(
            references(&crypto, BOTH)? > 1,
            "/proc/crypto does not show that {BOTH} uses {DRIVER}: {crypto}"
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
        // On the CPU that polls, the engine would keep that CPU from polling just when the device
        // answers. So it goes to the CPUs of this thread.
        let cpus =
            sched_getaffinity(Pid::from_raw(0)).context("reading this thread's CPU affinity")?;
        sched_setaffinity(self.engine, &cpus).context("moving the device's thread")?;
        for _ in 0..BATCH {
            self.ping.echo()?;
            done.add(OPERATIONS);
        }
        Ok(())
    }
}

/// The reference count of the algorithm that uses the device's driver, alone or combined with
/// others. The kernel itself holds one reference.
fn references(crypto: &str, algorithm: &str) -> Result<u64> {
    let entry = crypto.split("\n\n").find(|entry| {
        field(entry, "name") == Some(algorithm)
            && field(entry, "driver").is_some_and(|driver| driver.contains(DRIVER))
    });
    let entry = entry.with_context(|| format!("/proc/crypto has no {algorithm} by {DRIVER}"))?;
    number(entry, "refcnt").with_context(|| format!("in /proc/crypto: {entry}"))
}

fn engine(virtio: &Virtio) -> Result<Pid> {
    let name = format!("{}-engine", virtio.name);
    let found = tasks()?.into_iter().find(|(_, task)| *task == name);
    let (pid, _) = found.with_context(|| format!("no thread {name}"))?;
    Ok(Pid::from_raw(pid))
}

/// An IPsec association from the address to itself, so that one serves both ends.
struct Association;

impl Association {
    fn set_up() -> Result<Association> {
        client::run("ip", "link set lo up")?;
        // By default IPsec does not apply to the loopback device.
        for exempt in ["disable_xfrm", "disable_policy"] {
            procfs::write(format!("/proc/sys/net/ipv4/conf/lo/{exempt}"), 0)?;
        }
        // Create the value now: from here on, its drop has something to take down.
        let association = Association;
        let ends = format!("src {ADDRESS} dst {ADDRESS}");
        xfrm(&format!(
            "state add {ends} proto esp spi 0x1000 reqid 1 mode transport \
             enc cbc(aes) 0x{KEY} auth-trunc hmac(sha256) 0x{KEY}{KEY} 128"
        ))?;
        // The policies cover pings only. The guest has no names of protocols.
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
    /// Takes IPsec down and waits until the kernel has released the device's cipher, which happens
    /// a moment later. A driver that goes before that leaves the cipher without its device.
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
