// SPDX-License-Identifier: GPL-2.0
//! The call behind ethtool's commands (linux/ethtool.h).

pub mod channels;
pub mod rings;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc::{__c_anonymous_ifr_ifru, c_char};

use crate::nic;

mod ioctl {
    use nix::libc::{SIOCETHTOOL, ifreq};
    nix::ioctl_readwrite_bad!(ethtool, SIOCETHTOOL, ifreq);
}

/// Gives the kernel one command for a card.
///
/// # Safety
///
/// `command` must be the whole struct of the command that stands in its first field.
pub unsafe fn call<T>(card: &str, command: &mut T) -> nix::Result<()> {
    let ifru_data = (&raw mut *command).cast::<c_char>();
    let mut request = nic::request(card, __c_anonymous_ifr_ifru { ifru_data });
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let socket = socket.map_err(|err| Errno::from_raw(err.raw_os_error().unwrap_or_default()))?;
    // SAFETY: the request points to the struct, as the caller says; both outlive the call.
    unsafe { ioctl::ethtool(socket.as_raw_fd(), &mut request) }.map(drop)
}
