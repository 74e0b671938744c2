// SPDX-License-Identifier: GPL-2.0
//! The network between guest and servers: a tap in a private network namespace if the user may have
//! one, otherwise QEMU's user network. Through either, the guest reaches only this host.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use guest_protocol::net::HOST;

use super::machine::Network;
use super::netns::Netns;
use toolbox::tools::Tools;

pub enum Link {
    Tap { netns: Netns, pairs: u32 },
    User,
}

impl Link {
    /// Picks the link, and reports which one and why. A tap has `pairs` queue pairs, the user
    /// network has one.
    pub fn best(tools: &Tools, pairs: u32) -> Result<Link> {
        let link = match Netns::with_tap(tools, pairs)? {
            Ok(netns) => Link::Tap { netns, pairs },
            Err(why) => {
                eprintln!("a tap cannot be created here: {why}");
                Link::User
            }
        };
        eprintln!("network: {}", link.name());
        Ok(link)
    }

    pub fn name(&self) -> &'static str {
        match self {
            Link::Tap { .. } => "tap in a private network namespace",
            Link::User => "QEMU's user network",
        }
    }

    /// Queue pairs of a card in this network.
    pub fn pairs(&self) -> u32 {
        match self {
            Link::Tap { pairs, .. } => *pairs,
            Link::User => 1,
        }
    }

    pub fn network(&self) -> Network {
        match self {
            Link::Tap { netns, pairs } => Network::Tap {
                inside: netns.entry(),
                pairs: *pairs,
            },
            Link::User => Network::User,
        }
    }

    /// Returns the address on which the servers listen. The guest finds them at [`HOST`].
    pub fn listen(&self) -> Ipv4Addr {
        match self {
            Link::Tap { .. } => HOST,
            Link::User => Ipv4Addr::LOCALHOST,
        }
    }

    /// Returns a command that runs a program at this host's end of the link.
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Link::Tap { netns, .. } => netns.entry().command(program),
            Link::User => Command::new(program),
        }
    }
}
