// SPDX-License-Identifier: GPL-2.0
//! The network's part of the protocol. For the benchmark: the ports of the servers, what the guest
//! exchanges with them, and the result of one timed run. For NAPI's modes: the port of an echo
//! server.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::report::Events;
use crate::scenario::Segment;

/// The addresses of host and guest in QEMU's user network, and in the network namespace that
/// replaces it.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetBench {
    /// The ports on which the servers listen on [`HOST`].
    pub udp_port: u16,
    pub tcp_port: u16,
    pub stream_port: u16,
    pub warm_up_s: u64,
    /// Length of one timed run. sockperf and iperf3 count in whole seconds.
    pub segment_s: u64,
    /// The timed runs, in the order that the host drew.
    pub segments: Vec<Segment<Exchange>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetModes {
    /// The port on which an echo server listens on [`HOST`].
    pub udp_port: u16,
    pub sent: Sent,
}

/// When the card sends a packet, and who frees the packet afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// At once. NAPI frees the packet. Every mode is tried.
    Soon,
    /// Some time after the driver queued the packet, so that its completion is an event to wait
    /// for. Only the plain mode is tried.
    Late,
    /// At once. The packet stays until the next one is sent. Only the plain mode is tried.
    Unseen,
}

named! {
    /// What a client in the guest exchanges with a server on the host.
    Exchange {
        /// One datagram to the server and one back, then the next.
        UdpRr = "udp-rr",
        /// Like `udp-rr`, over one TCP connection.
        TcpRr = "tcp-rr",
        /// One TCP stream to the server.
        StreamOut = "stream-out",
        /// One TCP stream from the server.
        StreamIn = "stream-in",
    }
}

impl Exchange {
    /// Whether there is one request in flight. Then the rate is in round trips, and there is a
    /// latency.
    pub fn is_request_response(self) -> bool {
        matches!(self, Exchange::UdpRr | Exchange::TcpRr)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetMeasured {
    #[serde(flatten)]
    pub segment: Segment<Exchange>,
    /// Round trips or bits of a stream's payload per second, without the client's start and end.
    pub rate: f64,
    /// Latency of a round trip. Streams have none.
    pub latency: Option<Latency>,
    /// Interrupts of the card's queues, while the client ran.
    pub interrupts: u64,
    /// Packets that the card received while the client ran.
    pub received: u64,
    /// Received packets that busy polling found.
    pub busy_polled: u64,
    /// Events on all CPUs while the client ran.
    pub events: Events,
    /// QEMU's CPU time in this run, in percent of one CPU; the host fills it in.
    pub qemu_percent: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
}
