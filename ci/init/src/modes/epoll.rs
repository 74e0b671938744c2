// SPDX-License-Identifier: GPL-2.0
//! A socket that is waited for by an epoll which polls its card, and keeps the card's interrupts
//! away for as long as it finds something.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::libc::epoll_params;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::peer::{EchoClient, LOST};
use crate::port::Untried;

/// Packets at a time; more is for the privileged.
const BUDGET: u16 = 64;

mod ioctl {
    use nix::libc::{EPIOCSPARAMS, epoll_params};
    nix::ioctl_write_ptr_bad!(set_params, EPIOCSPARAMS, epoll_params);
}

pub struct Polling {
    socket: UdpSocket,
    epoll: Epoll,
}

impl Polling {
    /// It polls for so many us before it sleeps.
    pub fn new(socket: UdpSocket, us: u32) -> Result<Polling> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("making an epoll")?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        epoll.add(&socket, event).context("adding a socket")?;
        // SAFETY: all of it may be zero.
        let mut params: epoll_params = unsafe { std::mem::zeroed() };
        params.busy_poll_usecs = us;
        params.busy_poll_budget = BUDGET;
        params.prefer_busy_poll = 1;
        // SAFETY: the parameters are the whole struct of this command and outlive the call.
        match unsafe { ioctl::set_params(epoll.0.as_raw_fd(), &params) } {
            Ok(_) => Ok(Polling { socket, epoll }),
            Err(Errno::ENOTTY) => {
                let why = "this kernel's epoll has no parameters of its own".to_owned();
                Err(Untried(why).into())
            }
            Err(err) => Err(err).context("setting the epoll's parameters"),
        }
    }
}

impl EchoClient for Polling {
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.socket.ask(request)
    }

    fn answer(&mut self, length: usize) -> Result<Vec<u8>> {
        let limit = EpollTimeout::try_from(LOST).context("a limit too long")?;
        let mut events = [EpollEvent::empty()];
        let ready = self.epoll.wait(&mut events, limit).context("epoll")?;
        if ready == 0 {
            bail!("lost: epoll has nothing {LOST:?} later");
        }
        let events = events[0].events();
        ensure!(events == EpollFlags::EPOLLIN, "epoll says {events:?}");
        self.socket.answer(length)
    }

    fn rest(&mut self) -> Result<usize> {
        self.socket.rest()
    }
}
