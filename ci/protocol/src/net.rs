// SPDX-License-Identifier: GPL-2.0
//! The network's part of the contract. For the benchmark: where the servers are, what the guest
//! exchanges with them, what one timed run yields. For NAPI's modes: where an echo answers.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::report::Events;
use crate::scenario::Segment;

/// The addresses of QEMU's user network, and of networks like it.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetBench {
    /// Where the servers listen, on [`HOST`].
    pub udp_port: u16,
    pub tcp_port: u16,
    pub stream_port: u16,
    pub warm_up_s: u64,
    /// sockperf and iperf3 count in whole seconds.
    pub segment_s: u64,
    /// In the order in which they are run; the host draws it.
    pub segments: Vec<Segment<Exchange>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetModes {
    /// Where an echo listens on [`HOST`].
    pub udp_port: u16,
    pub sent: Sent,
}

/// When a packet is sent, and who frees it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// At once, and NAPI frees it. Every mode is tried.
    Soon,
    /// Some time after the driver queued it, so that its completion is an event to wait for. Only
    /// the plain mode.
    Late,
    /// At once, and it stays until the next one is sent. Only the plain mode.
    Unseen,
}

named! {
    /// What a client in the guest exchanges with a server on the host.
    Exchange {
        /// A datagram there, one back, then the next.
        UdpRr = "udp-rr",
        /// The same over one connection.
        TcpRr = "tcp-rr",
        /// One TCP stream to the server.
        StreamOut = "stream-out",
        /// One TCP stream from it.
        StreamIn = "stream-in",
    }
}

impl Exchange {
    /// One request in flight: its rate is in round trips, and it has a latency.
    pub fn is_request_response(self) -> bool {
        matches!(self, Exchange::UdpRr | Exchange::TcpRr)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetMeasured {
    #[serde(flatten)]
    pub segment: Segment<Exchange>,
    /// Round trips, or bits of a stream's payload, in a second; without the client's start and end.
    pub rate: f64,
    /// Of a round trip; streams have none.
    pub latency: Option<Latency>,
    /// Interrupts of the card's queues, while the client ran.
    pub interrupts: u64,
    /// Packets that the card received in that time.
    pub received: u64,
    /// How many of those busy polling found.
    pub busy_polled: u64,
    /// On all processors, while the client ran.
    #[serde(default)]
    pub events: Events,
    /// QEMU's CPU time in this run, in percent of one CPU; the host fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qemu_percent: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
}
