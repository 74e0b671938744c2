// SPDX-License-Identifier: GPL-2.0
//! Settings of one NAPI that only netlink has: messages to the kernel's "netdev" family
//! (linux/netlink.h, genetlink.h, netdev.h).

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_ID_CTRL, NLM_F_ACK,
    NLM_F_REQUEST, NLMSG_ERROR,
};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use crate::port::Untried;

const FAMILY: &str = "netdev";
const NAPI_SET: u8 = 14;
const NAPI_ID: u16 = 2;

/// struct nlmsghdr, and struct genlmsghdr behind it.
const HEADER: usize = 16;
const HEADERS: usize = HEADER + 4;

#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// In ns.
    IrqSuspendTimeout = 7,
    /// 2: its thread polls without end.
    Threaded = 8,
}

pub struct Netdev {
    socket: OwnedFd,
    family: u16,
}

impl Netdev {
    pub fn open() -> Result<Netdev> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkGeneric,
        )
        .context("making a netlink socket")?;
        let name = attribute(
            CTRL_ATTR_FAMILY_NAME as u16,
            format!("{FAMILY}\0").as_bytes(),
        );
        let request = message(GENL_ID_CTRL as u16, 0, CTRL_CMD_GETFAMILY as u8, &name);
        let reply =
            exchange(&socket, &request).with_context(|| format!("asking netlink for {FAMILY}"))?;
        let family = find(&reply, CTRL_ATTR_FAMILY_ID as u16)
            .and_then(|value| Some(u16::from_ne_bytes(value.get(..2)?.try_into().ok()?)))
            .with_context(|| format!("netlink's answer has no number for {FAMILY}"))?;
        Ok(Netdev { socket, family })
    }

    /// [`Untried`] where the kernel knows no settings of one NAPI.
    pub fn set(&self, napi: u32, setting: Setting, value: u32) -> Result<()> {
        let attributes = [
            attribute(NAPI_ID, &napi.to_ne_bytes()),
            attribute(setting as u16, &value.to_ne_bytes()),
        ];
        let request = message(
            self.family,
            NLM_F_ACK as u16,
            NAPI_SET,
            &attributes.concat(),
        );
        match exchange(&self.socket, &request) {
            Ok(_) => Ok(()),
            Err(Errno::EOPNOTSUPP) => {
                let why = format!("this kernel's {FAMILY} has no napi-set");
                Err(Untried(why).into())
            }
            Err(err) => {
                Err(err).with_context(|| format!("setting NAPI {napi}'s {setting:?} to {value}"))
            }
        }
    }
}

fn message(kind: u16, flags: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = (HEADERS + attributes.len()) as u32;
    let flags = NLM_F_REQUEST as u16 | flags;
    let (sequence, port) = ([0; 4], [0; 4]);
    let version = 1;
    [
        &length.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &sequence,
        &port,
        &[command, version, 0, 0],
        attributes,
    ]
    .concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len() as u16;
    let mut bytes = [&length.to_ne_bytes(), &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The answer, headers and all; the kernel gives one to each message at once.
fn exchange(socket: &OwnedFd, request: &[u8]) -> Result<Vec<u8>, Errno> {
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut reply = vec![0; 8192];
    let length = recv(socket.as_raw_fd(), &mut reply, MsgFlags::empty())?;
    reply.truncate(length);
    match refusal(&reply) {
        None | Some(0) => Ok(reply),
        Some(code) => Err(Errno::from_raw(-code)),
    }
}

/// The code of an answer that is only a code; 0: done.
fn refusal(reply: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(reply.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(reply.get(HEADER..HEADERS)?.try_into().ok()?);
    (i32::from(kind) == NLMSG_ERROR).then_some(code)
}

/// An attribute's value.
fn find(reply: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = reply.get(HEADERS..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_behind_others() {
        let attributes = [attribute(2, b"netdev\0"), attribute(1, &[7, 0])].concat();
        let message = message(16, 0, 1, &attributes);
        assert_eq!(message.len() % 4, 0);
        assert_eq!(message[..4], (message.len() as u32).to_ne_bytes());
        assert_eq!(find(&message, 1), Some(&[7, 0][..]));
        assert_eq!(find(&message, 2), Some(&b"netdev\0"[..]));
        assert_eq!(find(&message, 3), None);
        assert_eq!(refusal(&message), None);
    }

    #[test]
    fn a_refusal_is_an_error_number() {
        let mut reply = message(NLMSG_ERROR as u16, 0, 0, &[]);
        reply[HEADER..].copy_from_slice(&(-95i32).to_ne_bytes());
        assert_eq!(refusal(&reply), Some(-95));
    }

    #[test]
    fn the_host_has_the_family_or_says_that_it_has_not() {
        // Whichever it is, the kernel understood the question.
        if let Err(err) = Netdev::open() {
            let errno = err.downcast_ref::<Errno>();
            assert_eq!(errno, Some(&Errno::ENOENT), "{err:#}");
        }
    }
}
