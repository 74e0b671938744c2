// SPDX-License-Identifier: GPL-2.0
//! Pings from the guest to itself by IPsec: the kernel's own use of a device's cipher.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;

use super::super::ping::{self, Ping};
use super::super::{Counter, Meter, Work};
use super::cipher::Cipher;
use super::engine::Engine;
use super::{CIPHER, DRIVER, KEY, expect_in_use, references};
use crate::client;
use crate::procfs::{self, read};
use crate::soon::until;

const BATCH: u64 = 100;
/// The request is encrypted and decrypted, and so is the answer.
const OPERATIONS: u64 = 4;
const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// What IPsec makes of the cipher and a checksum.
const BOTH: &str = "authenc(hmac(sha256),cbc(aes))";
/// Names the association in each packet.
const SPI: u32 = 0x1000;
/// A packet: IP's header, the SPI and a counter, the IV, the text, a checksum.
const IV_AT: usize = 20 + 8;
const TEXT_AT: usize = IV_AT + 16;
const CHECKSUM: usize = 16;

pub struct Ipsec {
    // Its socket keeps the association in use, so it goes first.
    ping: Ping,
    _association: Association,
    engine: Engine,
    counter: Counter,
}

impl Ipsec {
    pub fn open(engine: Engine) -> Result<Ipsec> {
        let association = Association::set_up()?;
        expect_in_use(BOTH)?;
        let wire = wire()?;
        let ping = Ping::to(ADDRESS)?;
        check(&wire)?;
        Ok(Ipsec {
            ping,
            _association: association,
            engine,
            counter: Counter::default(),
        })
    }
}

impl Work for Ipsec {
    fn batch(&mut self) -> Result<()> {
        self.engine.follow()?;
        for _ in 0..BATCH {
            self.ping.echo()?;
            self.counter.add(OPERATIONS);
        }
        Ok(())
    }

    fn meter(&self) -> Meter {
        self.counter.meter()
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
        let key = hex(&KEY);
        let ends = format!("src {ADDRESS} dst {ADDRESS}");
        xfrm(&format!(
            "state add {ends} proto esp spi {SPI} reqid 1 mode transport \
             enc cbc(aes) 0x{key} auth-trunc hmac(sha256) 0x{key}{key} {}",
            8 * CHECKSUM
        ))?;
        // Pings alone: a socket may hear what is encrypted. The guest has no names of protocols.
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

fn is_free() -> bool {
    read("/proc/crypto").is_ok_and(|crypto| references(&crypto, CIPHER).is_ok_and(|n| n == 1))
}

/// Hears what IPsec sends to this machine.
fn wire() -> Result<UdpSocket> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers are involved.
    let fd = unsafe { libc::socket(libc::AF_INET, kind, libc::IPPROTO_ESP) };
    let fd = Errno::result(fd).context("making a socket for IPsec's packets")?;
    // SAFETY: socket() gave it just now, and nobody else has it.
    Ok(UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// What the device encrypted, the kernel's own cipher decrypts: the first ping. The sockets take
/// no device's cipher here, so by this name it is the kernel's own.
fn check(wire: &UdpSocket) -> Result<()> {
    let mut packet = [0; 1024];
    let length = wire.recv(&mut packet).context("no ping went by IPsec")?;
    let iv = packet[IV_AT..].first_chunk().context("no room for an IV")?;
    let text = packet.get(TEXT_AT..length.saturating_sub(CHECKSUM));
    let text = text.with_context(|| format!("an IPsec packet of {length} bytes"))?;
    let own = Cipher::open(CIPHER)?.with_context(|| format!("no {CIPHER} but the device's"))?;
    let plain = own.decrypt(iv, text)?;
    let payload = plain.get(ping::HEADER..).unwrap_or_default();
    ensure!(
        payload.starts_with(&ping::payload(1)),
        "the kernel's own cipher makes another text of the device's: {plain:02x?}"
    );
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_with_all_its_digits() {
        assert_eq!(hex(&[0x0b, 0, 0xa0]), "0b00a0");
    }
}
